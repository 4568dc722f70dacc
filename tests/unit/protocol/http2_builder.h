// HTTP/2 frames for tests; header blocks by libnghttp2's deflater.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::h2 {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4;

inline std::string number(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  return number(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) +
         static_cast<char>(flags) + number(stream, 4) + std::string(payload);
}
inline std::string settings() { return frame(4, 0, 0, std::string("\0\3\0\0\0\x64", 6)); }
inline std::string data(std::uint32_t stream, std::string_view body, bool end = false) {
  return frame(0, end ? kEndStream : 0, stream, body);
}
inline std::string reset(std::uint32_t stream, std::uint32_t code) {
  return frame(3, 0, stream, number(code, 4));
}
inline std::string goaway(std::uint32_t last, std::uint32_t code) {
  return frame(7, 0, 0, number(last, 4) + number(code, 4));
}
// A gRPC message.
inline std::string message(std::string_view body) {
  return '\0' + number(static_cast<std::uint32_t>(body.size()), 4) + std::string(body);
}

// One after the other: the order in which a sum's parts are made is the compiler's choice, and the
// state of header compression depends on it.
inline std::string all(std::initializer_list<std::string> parts) {
  std::string out;
  for (const std::string& part : parts) out += part;
  return out;
}

// One end of a connection: its header compression has a state.
class End {
 public:
  End() {
    nghttp2_hd_deflater* deflater = nullptr;
    nghttp2_hd_deflate_new(&deflater, 65536);
    deflater_.reset(deflater);
    nghttp2_hd_deflate_change_table_size(deflater, 4096);
  }

  void table_size(std::size_t size) { nghttp2_hd_deflate_change_table_size(deflater_.get(), size); }
  std::string block(const Fields& fields) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields) {
      pairs.push_back({bytes(name), bytes(value), name.size(), value.size(), 0});
    }
    std::string out(nghttp2_hd_deflate_bound(deflater_.get(), pairs.data(), pairs.size()), '\0');
    const auto size =
        nghttp2_hd_deflate_hd(deflater_.get(), bytes(out), out.size(), pairs.data(), pairs.size());
    out.resize(static_cast<std::size_t>(size));
    return out;
  }
  std::string headers(std::uint32_t stream, const Fields& fields, bool end = false) {
    return frame(1, static_cast<std::uint8_t>(kEndHeaders | (end ? kEndStream : 0)), stream,
                 block(fields));
  }

 private:
  struct Delete {
    void operator()(nghttp2_hd_deflater* deflater) const { nghttp2_hd_deflate_del(deflater); }
  };
  static std::uint8_t* bytes(const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  }

  std::unique_ptr<nghttp2_hd_deflater, Delete> deflater_;
};

inline Fields request(std::string path, std::string method = "GET", const Fields& more = {}) {
  Fields fields{{":method", std::move(method)},
                {":scheme", "http"},
                {":path", std::move(path)},
                {":authority", "h2.test"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
inline Fields call(std::string path, const Fields& more = {}) {
  Fields fields = request(std::move(path), "POST", {{"content-type", "application/grpc"}});
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
inline Fields answer(int status, const Fields& more = {}) {
  Fields fields{{":status", std::to_string(status)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

}  // namespace weir::h2
