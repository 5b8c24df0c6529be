"""Not let in: which of the library's errors mean it, and what each says to people."""

from confluent_kafka import KafkaError

from eventlog.errors import AccessRefused

REFUSED = {
    "_AUTHENTICATION",
    "_SSL",
    "SASL_AUTHENTICATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
}
"""Nothing that waiting mends."""

BROKEN = "Broker transport failure"


def is_refused(error: KafkaError) -> bool:
    """Whether the broker does not let us in, or we do not trust it."""
    # A connection that breaks amid the handshake is called an authentication error, too.
    return error.name() in REFUSED and BROKEN not in error.str()


def refusal(error: KafkaError) -> AccessRefused:
    """The same as an error of ours."""
    said = error.str()
    match error.name():
        case "_SSL":
            return AccessRefused(
                f"Kafka's certificate is not trusted, or ours is not by it: {said}"
            )
        case "_AUTHENTICATION" | "SASL_AUTHENTICATION_FAILED":
            return AccessRefused(f"Kafka does not accept our user and password: {said}")
        case name:
            return AccessRefused(f"Kafka forbids us what we asked for ({name}): {said}")
