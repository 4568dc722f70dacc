// The public name servers whose traffic --exclude-dns leaves out.
#pragma once

#include <vector>

#include "record/address.h"

namespace weir {

// 223.5.5.5 and 223.6.6.6, 114.114.114.114 and 114.114.115.115, 8.8.8.8 and 8.8.4.4, 1.1.1.1 and
// 1.0.0.1.
std::vector<IpAddress> public_name_servers();

}  // namespace weir
