"""mariadbd with a data folder of its own: shared by the recordings and the live tests."""
import os
import shutil
import subprocess

# One statement a line.
START = """
CREATE DATABASE shop;
CREATE DATABASE other;
CREATE TABLE shop.item (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200), data LONGTEXT);
INSERT INTO shop.item (id, name, data) SELECT seq, CONCAT('item ', seq), REPEAT('d', seq MOD 40) FROM shop.seq_1_to_200;
CREATE USER weir@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret');
CREATE USER second@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('other');
GRANT ALL ON *.* TO weir@'%';
GRANT ALL ON other.* TO second@'%';
"""


def command(folder, port=3306, *more):
    """Makes the data folder below `folder`; the command that starts a server on it."""
    data = os.path.join(folder, "mariadb")
    subprocess.run(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db",
                    "--auth-root-authentication-method=normal"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    start = os.path.join(folder, "start.sql")
    with open(start, "w", encoding="utf-8") as file:
        file.write(START)
    return [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--port={port}",
            "--bind-address=*", f"--socket={folder}/mariadb.sock", f"--init-file={start}", "--local-infile=1", "--skip-name-resolve",
            "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0",
            "--max-allowed-packet=64M", f"--log-error={folder}/mariadb.log", *more]
