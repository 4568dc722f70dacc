#include "protocol/dns_names.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace weir {
namespace {

// Types 0 to 109, by number.
constexpr std::string_view kLowTypes[] = {
    "",       "A",     "NS",     "MD",         "MF",      "CNAME",      "SOA",   "MB",
    "MG",     "MR",    "NULL",   "WKS",        "PTR",     "HINFO",      "MINFO", "MX",
    "TXT",    "RP",    "AFSDB",  "X25",        "ISDN",    "RT",         "NSAP",  "NSAP-PTR",
    "SIG",    "KEY",   "PX",     "GPOS",       "AAAA",    "LOC",        "NXT",   "EID",
    "NIMLOC", "SRV",   "ATMA",   "NAPTR",      "KX",      "CERT",       "A6",    "DNAME",
    "SINK",   "OPT",   "APL",    "DS",         "SSHFP",   "IPSECKEY",   "RRSIG", "NSEC",
    "DNSKEY", "DHCID", "NSEC3",  "NSEC3PARAM", "TLSA",    "SMIMEA",     "",      "HIP",
    "NINFO",  "RKEY",  "TALINK", "CDS",        "CDNSKEY", "OPENPGPKEY", "CSYNC", "ZONEMD",
    "SVCB",   "HTTPS", "DSYNC",  "HHIT",       "BRID",    "",           "",      "",
    "",       "",      "",       "",           "",        "",           "",      "",
    "",       "",      "",       "",           "",        "",           "",      "",
    "",       "",      "",       "",           "",        "",           "",      "",
    "",       "",      "",       "SPF",        "UINFO",   "UID",        "GID",   "UNSPEC",
    "NID",    "L32",   "L64",    "LP",         "EUI48",   "EUI64"};
static_assert(std::size(kLowTypes) == 110);

// The others, in order of number.
struct HighType {
  std::uint16_t number;
  std::string_view name;
};
constexpr HighType kHighTypes[] = {
    {128, "NXNAME"}, {249, "TKEY"},  {250, "TSIG"},     {251, "IXFR"},    {252, "AXFR"},
    {253, "MAILB"},  {254, "MAILA"}, {255, "ANY"},      {256, "URI"},     {257, "CAA"},
    {258, "AVC"},    {259, "DOA"},   {260, "AMTRELAY"}, {261, "RESINFO"}, {262, "WALLET"},
    {263, "CLA"},    {264, "IPN"},   {32768, "TA"},     {32769, "DLV"}};

constexpr std::string_view kRcodes[] = {
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",  "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",  "DSOTYPENI", "",        "",        "",         "",
    "BADVERS", "BADKEY",  "BADTIME",  "BADMODE",   "BADNAME", "BADALG",  "BADTRUNC", "BADCOOKIE"};

constexpr std::string_view kOpcodes[] = {"QUERY",  "IQUERY", "STATUS", "",
                                         "NOTIFY", "UPDATE", "DSO"};

}  // namespace

std::string_view dns_type_name(std::uint16_t type) {
  if (type < std::size(kLowTypes)) return kLowTypes[type];
  const auto* found = std::lower_bound(
      std::begin(kHighTypes), std::end(kHighTypes), type,
      [](const HighType& entry, std::uint16_t number) { return entry.number < number; });
  return found != std::end(kHighTypes) && found->number == type ? found->name : std::string_view{};
}

std::string_view dns_rcode_name(std::uint16_t rcode) {
  return rcode < std::size(kRcodes) ? kRcodes[rcode] : std::string_view{};
}

std::string_view dns_opcode_name(std::uint8_t opcode) {
  return opcode < std::size(kOpcodes) ? kOpcodes[opcode] : std::string_view{};
}

}  // namespace weir
