// AmqpReport: the fields of a message that is told.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/amqp_methods.h"
#include "record/field.h"

namespace weir {

extern const Vocabulary kAmqpVocabulary;

class AmqpReport {
 public:
  void clear() { count_ = 0; }
  // What was asked. `queue`: of the consumer that a delivery goes to.
  void add_asked(const AmqpMethod& method, const AmqpArguments& arguments, std::uint16_t channel,
                 std::string_view queue);
  // What answers it.
  void add_answer(const AmqpMethod& method, const AmqpArguments& arguments);
  void add_header(std::uint64_t body_size, std::string_view message_id,
                  std::string_view correlation_id);
  // An error by its reply code.
  void add_error(const AmqpArguments& arguments);
  void add(const Field& field, std::string_view text) {
    if (!text.empty()) put(FieldValue::of(field, text));
  }
  void add(const Field& field, std::uint64_t number) {
    put(FieldValue::of(field, static_cast<std::int64_t>(number)));
  }
  std::span<const FieldValue> get() const { return {values_.data(), count_}; }

 private:
  void put(const FieldValue& value) {
    if (count_ < values_.size()) values_[count_++] = value;
  }
  void add_arguments(const AmqpMethod& method, const AmqpArguments& arguments);
  void add_destination(const AmqpArguments& arguments, std::string_view queue);

  std::array<FieldValue, 28> values_;
  std::size_t count_ = 0;
  std::array<char, 3 * 255 + 2> destination_;
};

}  // namespace weir
