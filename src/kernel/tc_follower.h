// TcFollower: programs at the TC hook of every interface that was asked for, those included that
// come later. For one control thread, which waits for fd().
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/interface_choice.h"
#include "kernel/interface_watch.h"
#include "kernel/tc_attachment.h"

namespace weir {

struct FollowOptions {
  // Names or globs; none, or "any": all.
  std::vector<std::string> interfaces;
  // Whether a name of them has to exist at the start.
  bool must_exist = true;
  // By the kernel: TCX where it is there, else clsact.
  std::optional<TcMode> attach;
};

class TcFollower {
 public:
  // What the owner of the programs does meanwhile, on the control thread.
  struct Owner {
    // The program for one direction of an interface that was begun; -1: none.
    std::function<int(const Interface&, traffic_direction)> program;
    // Before the programs are attached to an interface; a failure keeps them away from it.
    std::function<Result<>(const Interface&)> begin;
    // Its name or state has changed.
    std::function<void(const Interface&)> changed;
    // The programs are detached, or could not be attached.
    std::function<void(std::uint32_t ifindex)> end;
  };

  // The interfaces of now are known when it returns.
  static Result<std::unique_ptr<TcFollower>> open(const FollowOptions& options);
  // Where many are attached, another process goes on to detach them. The owner is not told.
  ~TcFollower();
  TcFollower(const TcFollower&) = delete;
  TcFollower& operator=(const TcFollower&) = delete;

  std::size_t interfaces_now() const { return watch_.interfaces().size(); }

  // The first interface is attached when it returns; the others are attach_next()'s, as each costs
  // the kernel tens of milliseconds. Where nothing can be attached though there are interfaces, it
  // fails with the first reason. `any_program`, loaded for the TC hook, is to ask the kernel with.
  Result<> start(int any_program, Owner owner);
  TcMode mode() const { return mode_; }

  int fd() const { return watch_.fd(); }
  // Interfaces came, went or changed.
  void on_readable();
  // Whether interfaces wait for attach_next().
  bool pending() const { return !pending_.empty(); }
  // Attaches to one more interface: first to those that carry traffic from elsewhere. One that
  // refuses is logged, once.
  void attach_next();
  // Attaches anew what others have removed; to be called now and then.
  void check();
  // Interfaces that were asked for and exist, and have refused or are pending. For any thread.
  std::size_t unattached() const { return unattached_.load(std::memory_order_relaxed); }

 private:
  struct Attached {
    Interface interface;
    std::vector<TcAttachment> attachments;
    std::size_t programs = 0;  // that should be attached
  };

  TcFollower(const FollowOptions& options, InterfaceWatch watch)
      : choice_(options.interfaces), wanted_mode_(options.attach), watch_(std::move(watch)) {}
  Result<> choose_mode(int any_program);
  Result<std::vector<TcAttachment>> attach_programs(const Interface& interface) const;
  Result<> attach(const Interface& interface);
  bool is_attached(std::uint32_t ifindex) const;
  void clear_leftovers() const;
  // Takes over what the watch knows.
  void follow();
  void forget(std::uint32_t ifindex, bool gone);
  void count_unattached();

  InterfaceChoice choice_;
  std::optional<TcMode> wanted_mode_;
  InterfaceWatch watch_;
  Owner owner_;
  TcMode mode_ = TcMode::kTcx;
  std::optional<ClsactOwner> clsact_owner_;
  std::map<std::uint32_t, Attached> attached_;    // by index
  std::vector<std::uint32_t> pending_;            // indexes; the last is next
  std::map<std::uint32_t, std::string> refused_;  // by index: the name it was refused under
  std::atomic<std::size_t> unattached_{0};
  std::optional<Error> first_failure_;
};

}  // namespace weir
