"""A broker that lets in only who proves a password over TLS, and allows each only what it must.

The stack's own plain listener stays, for the stack: whoever comes by it has no name, and is the
administrator. The clients under test know the guarded one alone.
"""

# The client exports these names without declaring so, and its futures say not what they hold.
# pyright: reportPrivateImportUsage=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Iterable
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from devstack.stack import Stack
from tests.security.authority import LOOPBACK, Authority

ANSWER_S = 20
ITERATIONS = 4_096
PLAIN_PASSWORD = "plainly"
LISTENER = """
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},GUARDED://127.0.0.1:{own}
advertised.listeners=CLIENT://127.0.0.1:{port},GUARDED://127.0.0.1:{own}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL
listener.name.guarded.ssl.keystore.type=PEM
listener.name.guarded.ssl.keystore.location={keystore}
listener.name.guarded.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.guarded.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;
listener.name.guarded.plain.sasl.jaas.config={module}.plain.PlainLoginModule required \\
  user_plain="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


class Guarded:
    """The guarded broker of a running stack, restarted to become one."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.authority = Authority(folder)
        keystore = folder / "broker.pem"
        keystore.write_text(self.authority.issue("broker", addresses=(LOOPBACK,)).both)
        [broker] = stack.kafka.brokers
        port = stack.folder.port("guarded")
        self.bootstrap_servers = f"127.0.0.1:{port}"
        stack.kafka.stop()
        with (stack.folder.path / "kafka" / "server.properties").open("a") as settings:
            settings.write(
                LISTENER.format(
                    port=broker.node.port,
                    controller=broker.node.controller_port,
                    own=port,
                    keystore=keystore,
                    module="org.apache.kafka.common.security",
                    password=PLAIN_PASSWORD,
                )
            )
        stack.kafka.start()
        self._admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})

    def add_user(self, name: str, password: str) -> None:
        """Let a user in, who may nothing as yet."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        asked: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(name, info, password.encode())
        ]
        for answer in self._admin.alter_user_scram_credentials(asked).values():
            answer.result(ANSWER_S)

    def allow(self, rules: Iterable[tuple[str, str, str, bool, str]]) -> None:
        """Allow (user, kind of resource, name, whether that is a prefix, operation)."""
        bindings = [
            AclBinding(
                ResourceType[kind],
                name,
                ResourcePatternType.PREFIXED if is_prefix else ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for user, kind, name, is_prefix, operation in rules
        ]
        for answer in self._admin.create_acls(bindings).values():
            answer.result(ANSWER_S)
