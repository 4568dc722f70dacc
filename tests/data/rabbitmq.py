"""A RabbitMQ server of Debian's package in the network namespace of whoever starts it, with a home of its own."""
import os
import shutil
import socket
import subprocess
import time

PORT = 5672


class RabbitMq:
    """Starts at once; `with` ends it. `folder` is its home, which only it may use."""

    def __init__(self, folder, prefix=()):
        self.prefix = list(prefix)
        for program in ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/bin/setpriv"):
            if not os.path.exists(program):
                raise FileNotFoundError(program)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "rabbitmq.conf"), "w", encoding="utf-8") as file:
            file.write(f"listeners.tcp.1 = 127.0.0.1:{PORT}\nlog.console = false\nlog.file = false\n")
        with open(os.path.join(folder, "enabled_plugins"), "w", encoding="utf-8") as file:
            file.write("[].\n")
        shutil.chown(folder, "rabbitmq", "rabbitmq")
        self.environment = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"HOME={folder}", "RABBITMQ_NODENAME=weir@localhost",
                            f"RABBITMQ_CONFIG_FILE={folder}/rabbitmq", f"RABBITMQ_MNESIA_BASE={folder}/mnesia",
                            f"RABBITMQ_LOG_BASE={folder}/log", f"RABBITMQ_ENABLED_PLUGINS_FILE={folder}/enabled_plugins"]
        self.as_server = ["setpriv", "--reuid", "rabbitmq", "--regid", "rabbitmq", "--clear-groups"]

    def start(self, *command):
        return subprocess.Popen([*self.prefix, *self.as_server, *self.environment, *command], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, cwd="/")

    def begin(self):
        self.names = self.start("epmd", "-address", "127.0.0.1")  # the server would leave one behind
        self.process = self.start("/usr/lib/rabbitmq/bin/rabbitmq-server")

    def __enter__(self):
        self.begin()
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
                return self
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.end()
                    raise
                time.sleep(0.1)

    def __exit__(self, *_):
        self.end()

    def end(self):
        for process in (self.process, self.names):
            process.terminate()
            process.wait(timeout=30)
