// TimerWheel: many coarse timers, O(1) to set and to cancel, no allocation. A timer fires at the
// first advance() past its deadline, at most one tick late; deadlines beyond the wheel's span are
// carried over.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"

namespace weir {

// Embedded in the object that waits. Must be cancelled before the object goes.
struct Timer {
  Timer* next = nullptr;
  Timer* previous = nullptr;
  Nanos deadline = 0;

  bool armed() const { return next != nullptr; }
};

class TimerWheel {
 public:
  static constexpr Nanos kTick = 16 * kMillisecond;
  static constexpr std::size_t kSlots = 4096;  // 65 s

  TimerWheel() {
    for (Timer& slot : slots_) slot.next = slot.previous = &slot;
  }
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void arm(Timer& timer, Nanos deadline) {
    cancel(timer);
    timer.deadline = deadline;
    Nanos tick = deadline / kTick + 1;
    if (tick <= current_) tick = current_ + 1;
    if (tick > current_ + static_cast<Nanos>(kSlots) - 1) {
      tick = current_ + static_cast<Nanos>(kSlots) - 1;
    }
    Timer& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
    timer.previous = slot.previous;
    timer.next = &slot;
    slot.previous->next = &timer;
    slot.previous = &timer;
  }

  static void cancel(Timer& timer) {
    if (!timer.armed()) return;
    timer.previous->next = timer.next;
    timer.next->previous = timer.previous;
    timer.next = timer.previous = nullptr;
  }

  // Calls fire(Timer&) for every timer whose deadline has passed. fire may arm and cancel timers,
  // its own too.
  template <class Fire>
  void advance(Nanos now, Fire&& fire) {
    const Nanos target = now / kTick;
    if (target <= current_) return;
    if (target - current_ >= static_cast<Nanos>(kSlots)) {  // a leap: every slot once, in order
      const Nanos from = current_;
      current_ = target;
      for (std::size_t i = 1; i <= kSlots; ++i) {
        run_slot(slots_[(static_cast<std::size_t>(from) + i) % kSlots], now, fire);
      }
    }
    while (current_ < target) {
      ++current_;
      run_slot(slots_[static_cast<std::size_t>(current_) % kSlots], now, fire);
    }
  }

 private:
  template <class Fire>
  void run_slot(Timer& slot, Nanos now, Fire&& fire) {
    Timer due;  // the slot's timers, moved out: fire() may put new ones into the slot
    if (slot.next == &slot) return;
    due.next = slot.next;
    due.previous = slot.previous;
    due.next->previous = due.previous->next = &due;
    slot.next = slot.previous = &slot;
    while (due.next != &due) {
      Timer& timer = *due.next;
      const Nanos deadline = timer.deadline;
      cancel(timer);
      if (deadline > now) {
        arm(timer, deadline);
      } else {
        fire(timer);
      }
    }
  }

  std::array<Timer, kSlots> slots_;
  Nanos current_ = 0;  // tick that has been run
};

}  // namespace weir
