#include "kernel/kernel_symbols.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr std::string_view kText =
    "ffffffff81000000 T first\n"
    "ffffffff81000000 T alias\n"
    "ffffffff81000400 d data\n"
    "ffffffff81000200 t third.cold\n"
    "ffffffff81000100 t second.isra.0\n"
    "ffffffff810001f0 t __pfx_third\n"
    "ffffffffc0000000 t in_module\t[module]\n";

TEST(KernelSymbolsTest, FindsTheFunctionAround) {
  const KernelSymbols symbols = KernelSymbols::parse(kText);
  EXPECT_TRUE(symbols.known());
  EXPECT_EQ(symbols.function_at(0xffffffff81000000), "first");
  EXPECT_EQ(symbols.function_at(0xffffffff810000ff), "first");
  EXPECT_EQ(symbols.function_at(0xffffffff81000100), "second");
  EXPECT_EQ(symbols.function_at(0xffffffff810001ff), "second");
  EXPECT_EQ(symbols.function_at(0xffffffff81000500), "third");
  EXPECT_EQ(symbols.function_at(0xffffffffc0000010), "in_module");
  EXPECT_EQ(symbols.function_at(0xffffffff80ffffff), "");
}

TEST(KernelSymbolsTest, KnowsNothingWhereAddressesAreHidden) {
  EXPECT_FALSE(
      KernelSymbols::parse("0000000000000000 T first\n0000000000000000 T second\n").known());
  EXPECT_FALSE(KernelSymbols::parse("").known());
  EXPECT_FALSE(KernelSymbols::parse("nonsense\nffffffff81000000\nffffffff81000000 T").known());
}

}  // namespace
}  // namespace weir
