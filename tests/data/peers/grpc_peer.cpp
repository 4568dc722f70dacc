// grpc_peer serve PORT | call PORT: as grpc/main.go, on gRPC for C++.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::array kStatuses = {grpc::NOT_FOUND, grpc::INVALID_ARGUMENT, grpc::INTERNAL,
                                  grpc::UNAUTHENTICATED, grpc::UNAVAILABLE};

grpc::ByteBuffer message_of(std::size_t size) {
  const grpc::Slice slice(std::string(size, 'c'));
  return {&slice, 1};
}

// What a call /test.KIND/DoNUMBER is answered with follows from its kind and number.
class Answer final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Answer(grpc::GenericCallbackServerContext* context) {
    const std::string& method = context->method();
    const std::size_t name = method.find("/Do");
    kind_ = method.substr(6, name - 6);
    number_ = std::stoul(method.substr(name + 3));
    if (kind_ == "Nowhere") {
      Finish({grpc::UNIMPLEMENTED, "no such service"});
      return;
    }
    const std::string port = context->peer().substr(context->peer().rfind(':') + 1);
    if (kind_ != "Error") context->AddInitialMetadata("x-port", port);
    context->AddTrailingMetadata("x-port", port);
    StartRead(&got_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      plan();
      next();
      return;
    }
    total_ += got_.Length();
    if (kind_ == "Chat") {
      out_ = message_of(2 * got_.Length());
      StartWrite(&out_);
    } else {
      StartRead(&got_);
    }
  }

  void OnWriteDone(bool ok) override {
    if (!ok || planned_) {
      next();
    } else {
      StartRead(&got_);
    }
  }

  void OnDone() override { delete this; }

 private:
  void plan() {
    planned_ = true;
    if (kind_ == "Unary" || kind_ == "Late") sizes_ = {50 + number_};
    if (kind_ == "Empty") sizes_ = {0};
    if (kind_ == "Upload") sizes_ = {std::to_string(total_).size()};
    for (std::size_t i = 0; kind_ == "Listen" && i < number_ % 7; ++i) {
      sizes_.push_back(50 + number_ + 1000 * i);
    }
    if (kind_ == "Slow") {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      sizes_ = {4};
    }
  }

  void next() {
    if (sent_ < sizes_.size()) {
      out_ = message_of(sizes_[sent_++]);
      StartWrite(&out_);
    } else if (kind_ == "Error") {
      Finish({kStatuses[number_ % kStatuses.size()], "no " + std::to_string(number_) + " ü %"});
    } else if (kind_ == "Late") {
      Finish({grpc::DATA_LOSS, "after one"});
    } else {
      Finish(grpc::Status::OK);
    }
  }

  std::string kind_;
  std::size_t number_ = 0, total_ = 0, sent_ = 0;
  bool planned_ = false;
  std::vector<std::size_t> sizes_;
  grpc::ByteBuffer got_, out_;
};

class Service final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Answer(context);
  }
};

// A call's steps, one after the other.
class Call {
 public:
  Call(grpc::GenericStub& stub, std::istringstream line) {
    std::string kind, sizes;
    int timeout = 0;
    line >> number_ >> kind >> sizes >> timeout >> cancels_;
    if (timeout > 0) {
      context_.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(timeout));
    }
    context_.AddMetadata("authorization", "Bearer secret-" + number_);
    context_.AddMetadata("x-id", number_);
    std::istringstream list(sizes.substr(sizes[0] == '-' ? 1 : 0));
    std::vector<std::size_t> messages;
    for (std::string size; std::getline(list, size, ',');) messages.push_back(std::stoul(size));
    const std::string method = "/test." + kind + "/Do" + number_;
    if (kind == "Unary" || kind == "Empty" || kind == "Error" || kind == "Nowhere") {
      ask_for_one(stub, method, message_of(messages.at(0)));
    } else {
      stream(stub, method, messages);
    }
  }

  std::string told() const {
    std::string port = "0";
    for (const auto* metadata :
         {&context_.GetServerInitialMetadata(), &context_.GetServerTrailingMetadata()}) {
      const auto found = metadata->find("x-port");
      if (found != metadata->end()) port.assign(found->second.data(), found->second.size());
    }
    return number_ + ' ' + std::to_string(status_.error_code()) + " -" + got_ + ' ' + port;
  }

 private:
  bool done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  void got(const grpc::ByteBuffer& message) {
    got_ += (got_.empty() ? "" : ",") + std::to_string(message.Length());
  }

  void ask_for_one(grpc::GenericStub& stub, const std::string& method,
                   const grpc::ByteBuffer& message) {
    const auto call = stub.PrepareUnaryCall(&context_, method, message, &queue_);
    grpc::ByteBuffer answer;
    call->StartCall();
    call->Finish(&answer, &status_, nullptr);
    done();
    if (status_.ok()) got(answer);
  }

  void stream(grpc::GenericStub& stub, const std::string& method,
              const std::vector<std::size_t>& messages) {
    const auto call = stub.PrepareCall(&context_, method, &queue_);
    call->StartCall(nullptr);
    bool good = done();
    for (std::size_t i = 0; good && i < messages.size(); ++i) {
      call->Write(message_of(messages[i]), nullptr);
      good = done();
    }
    if (good) {
      call->WritesDone(nullptr);
      done();
    }
    grpc::ByteBuffer message;
    while (true) {
      call->Read(&message, nullptr);
      if (!done()) break;
      got(message);
      if (cancels_) context_.TryCancel();
    }
    call->Finish(&status_, nullptr);
    done();
  }

  std::string number_, got_;
  bool cancels_ = false;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::Status status_;
};

void serve(const std::string& address) {
  Service service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&service);
  builder.BuildAndStart()->Wait();
}

void call(const std::string& address) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  std::mutex writing;
  std::vector<std::thread> threads;
  for (std::string line; std::getline(std::cin, line);) {
    threads.emplace_back([&stub, &writing, line] {
      const std::string told = Call(stub, std::istringstream(line)).told();
      const std::lock_guard lock(writing);
      std::cout << told << std::endl;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const std::string address = std::string("127.0.0.1:") + arguments[2];
  if (std::string(arguments[1]) == "serve") {
    serve(address);
  } else {
    call(address);
  }
}
