#include "kernel/interface_choice.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

const std::vector<std::string> kExisting{"lo", "eth0", "eth1", "docker0"};

TEST(InterfaceChoiceTest, NothingAndAnyAreAll) {
  for (const auto& patterns : {std::vector<std::string>{}, {"any"}, {"eth0", "any"}}) {
    const InterfaceChoice choice(patterns);
    EXPECT_TRUE(choice.any());
    EXPECT_TRUE(choice.matches("whatever"));
    EXPECT_FALSE(choice.single_name());
    EXPECT_TRUE(choice.check(kExisting));
  }
}

TEST(InterfaceChoiceTest, NamesAndGlobs) {
  const InterfaceChoice choice({"eth[01]", "veth*"});
  EXPECT_TRUE(choice.matches("eth0"));
  EXPECT_TRUE(choice.matches("veth12ab"));
  EXPECT_FALSE(choice.matches("eth2"));
  EXPECT_FALSE(choice.matches("lo"));
  EXPECT_FALSE(choice.single_name());
  EXPECT_TRUE(choice.check(kExisting));  // veth* waits
}

TEST(InterfaceChoiceTest, OnlyOneNameWithoutWildcardsIsSingle) {
  EXPECT_EQ(InterfaceChoice({"eth0"}).single_name(), "eth0");
  EXPECT_FALSE(InterfaceChoice({"eth*"}).single_name());
  EXPECT_FALSE(InterfaceChoice({"eth0", "eth1"}).single_name());
}

TEST(InterfaceChoiceTest, AnUnknownNameIsAnErrorWithThoseThatAreNear) {
  const auto checked = InterfaceChoice({"ehh0"}).check(kExisting);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().text().find("no interface ehh0; is it eth0"), std::string::npos)
      << checked.error().text();
  const auto far = InterfaceChoice({"wlan-uplink"}).check(kExisting);
  ASSERT_FALSE(far);
  EXPECT_NE(far.error().text().find("docker0"), std::string::npos);
  EXPECT_FALSE(InterfaceChoice({"x"}).check({}));
}

// A name may hold what is special in a glob.
TEST(InterfaceChoiceTest, TakesAnOddNameLiterally) {
  const InterfaceChoice choice({"a[1]", "x\\y", "w*"});
  EXPECT_TRUE(choice.matches("a[1]"));
  EXPECT_TRUE(choice.matches("a1"));
  EXPECT_TRUE(choice.matches("x\\y"));
  EXPECT_TRUE(choice.names("a[1]"));
  EXPECT_FALSE(choice.names("wlan0"));
}

}  // namespace
}  // namespace weir
