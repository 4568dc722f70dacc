#include "record/container.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

const std::string kId = "3f4e1f6d2b7a9c0e5d8f7b6a5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d";
const std::string kOther = "aaaaaaaa2b7a9c0e5d8f7b6a5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d";
const std::string kUid = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
const std::string kUidUnderscored = "0b1c2d3e_4f50_6172_8394_a5b6c7d8e9f0";

Container container(std::string runtime, std::string id, std::string pod = "",
                    std::string unit = "") {
  return {std::move(runtime), std::move(id), std::move(pod), std::move(unit)};
}

TEST(Container, DockerBySystemdAndByCgroupfs) {
  EXPECT_EQ(container_of_cgroup("/system.slice/docker-" + kId + ".scope"),
            container("docker", kId));
  EXPECT_EQ(container_of_cgroup("/docker/" + kId), container("docker", kId));
  // Systemd inside a container.
  EXPECT_EQ(container_of_cgroup("/docker/" + kId + "/system.slice/nginx.service"),
            container("docker", kId, "", "nginx.service"));
}

TEST(Container, TheInnermostOfNestedOnes) {
  EXPECT_EQ(container_of_cgroup("/docker/" + kId + "/docker/" + kOther),
            container("docker", kOther));
}

TEST(Container, PodsBySystemd) {
  const std::string pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" +
                          kUidUnderscored + ".slice/";
  EXPECT_EQ(container_of_cgroup(pod + "cri-containerd-" + kId + ".scope"),
            container("containerd", kId, kUid));
  EXPECT_EQ(container_of_cgroup(pod + "crio-" + kId + ".scope"), container("cri-o", kId, kUid));
  EXPECT_EQ(container_of_cgroup(pod + "docker-" + kId + ".scope"), container("docker", kId, kUid));
  EXPECT_EQ(container_of_cgroup(pod), container("", "", kUid));
}

TEST(Container, PodsByCgroupfs) {
  EXPECT_EQ(container_of_cgroup("/kubepods/besteffort/pod" + kUid + "/" + kId),
            container("", kId, kUid));
  // A guaranteed pod; a static one, whose identifier is a hash.
  EXPECT_EQ(container_of_cgroup("/kubepods/pod" + kUid + "/" + kId), container("", kId, kUid));
  const std::string hash = kId.substr(0, 32);
  EXPECT_EQ(container_of_cgroup("/kubepods/burstable/pod" + hash + "/" + kId),
            container("", kId, hash));
  EXPECT_EQ(container_of_cgroup("/kubepods-pod" + kUidUnderscored + ".slice:cri-containerd:" + kId),
            container("containerd", kId));
}

TEST(Container, PodmanContainerdLxcAndNspawn) {
  EXPECT_EQ(container_of_cgroup("/machine.slice/libpod-" + kId + ".scope/container"),
            container("podman", kId));
  EXPECT_EQ(container_of_cgroup("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" +
                                kId + ".scope"),
            container("podman", kId, "", "user@1000.service"));
  EXPECT_EQ(container_of_cgroup("/libpod_parent/libpod-" + kId), container("podman", kId));
  EXPECT_EQ(container_of_cgroup("/system.slice/nerdctl-" + kId + ".scope"),
            container("containerd", kId));
  EXPECT_EQ(container_of_cgroup("/system.slice:containerd:" + kId), container("containerd", kId));
  EXPECT_EQ(container_of_cgroup("/lxc.payload.web1/system.slice/ssh.service"),
            container("lxc", "web1", "", "ssh.service"));
  EXPECT_EQ(container_of_cgroup("/lxc/web1"), container("lxc", "web1"));
  EXPECT_EQ(container_of_cgroup("/machine.slice/machine-deb12.scope/payload"),
            container("nspawn", "deb12"));
}

TEST(Container, UnitsAndNothing) {
  EXPECT_EQ(container_of_cgroup("/system.slice/nginx.service"),
            container("", "", "", "nginx.service"));
  EXPECT_EQ(container_of_cgroup("/user.slice/user-0.slice/session-3.scope"),
            container("", "", "", "session-3.scope"));
  EXPECT_TRUE(container_of_cgroup("/").empty());
  EXPECT_TRUE(container_of_cgroup("").empty());
  EXPECT_TRUE(container_of_cgroup("/build/" + kId).empty());  // nobody's known naming
  EXPECT_TRUE(container_of_cgroup("/docker/build").empty());
  EXPECT_TRUE(container_of_cgroup("/kubepods/burstable").empty());
  EXPECT_TRUE(container_of_cgroup("/podcast.slice").empty());
  EXPECT_TRUE(container_of_cgroup("///").empty());
}

}  // namespace
}  // namespace weir
