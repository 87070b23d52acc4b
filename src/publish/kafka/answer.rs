//! What a code of librdkafka or of a broker means for a message.
//!
//! <https://kafka.apache.org/protocol#protocol_error_codes>; negative ones are librdkafka's own.
//!
//! A code tells of the last try, and librdkafka makes several where it can hope. So a refusal is certain only if there was no
//! time for a second try.

use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::publish::{Failure, FailureClass, Outcome};

/// What one code means of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub class: FailureClass,
    /// Whether the message is not stored.
    pub certain: bool,
    /// Whether another try makes sense.
    pub again: bool,
}

pub(super) fn meaning(code: Code) -> Meaning {
    use FailureClass::{Configuration, Connection, NotFound, RateLimited, Refused, ServerError, Timeout};

    let meaning = |class, certain, again| Meaning { class, certain, again };
    match code {
        Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut => meaning(Timeout, false, true),
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::SSL | Code::NetworkException => {
            meaning(Connection, false, true)
        }
        Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition => meaning(NotFound, true, true),
        Code::QueueFull | Code::ThrottlingQuotaExceeded => meaning(RateLimited, true, true),
        Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidMessageSize
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation => meaning(Refused, true, false),
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::SecurityDisabled
        | Code::InvalidTopic
        | Code::InvalidRequiredAcks
        | Code::InvalidConfig
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::BadCompression => meaning(Configuration, true, true),
        // Another message of the same batch was refused, and this one with it.
        Code::InvalidDifferentRecord
        | Code::NotEnoughReplicas
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::BrokerNotAvailable
        | Code::ReplicaNotAvailable
        | Code::InvalidProducerEpoch
        | Code::UnknownProducerId => meaning(ServerError, true, true),
        _ => meaning(ServerError, false, true),
    }
}

/// Whether one message may have made a broker refuse all that came with it.
pub(super) fn may_be_another_s_fault(code: Code) -> bool {
    code == Code::InvalidDifferentRecord || !meaning(code).again
}

/// The outcome for a message that was refused before it was sent.
pub(super) fn of_unsent(code: Code) -> Outcome {
    outcome(
        Meaning {
            certain: true,
            ..meaning(code)
        },
        code.to_string(),
    )
}

/// The outcome for a message that librdkafka has given up on, `took` after it was given to it. `trouble` is what it last said
/// of its connections since.
pub(super) fn of_refused(code: Code, took: Duration, second_try: Duration, trouble: Option<(Code, String)>) -> Outcome {
    let told = meaning(code);
    let certain = told.certain && took < second_try;
    match trouble {
        Some((cause, said)) if told.class == FailureClass::Timeout => {
            let class = match meaning(cause).class {
                class @ (FailureClass::Connection | FailureClass::Configuration) => class,
                _ => told.class,
            };
            outcome(Meaning { class, certain, ..told }, format!("{code}: {said}"))
        }
        _ => outcome(Meaning { certain, ..told }, code.to_string()),
    }
}

fn outcome(meaning: Meaning, message: String) -> Outcome {
    let failure = Failure {
        certain: meaning.certain,
        ..Failure::certain(meaning.class, message)
    };
    if meaning.again {
        Outcome::Retry { failure, after: None }
    } else {
        Outcome::Rejected { failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);
    const SECOND_TRY: Duration = Duration::from_millis(800);

    fn line(outcome: &Outcome) -> String {
        let (what, failure) = match outcome {
            Outcome::Retry { failure, .. } => ("retry", failure),
            Outcome::Rejected { failure } => ("rejected", failure),
            other => panic!("{other:?}"),
        };
        let certain = if failure.certain { "certain" } else { "uncertain" };
        format!("{what} {} {certain}", failure.class.as_str())
    }

    #[test]
    fn each_code_has_its_outcome() {
        let cases = [
            (Code::MessageTimedOut, "retry timeout uncertain"),
            (Code::RequestTimedOut, "retry timeout uncertain"),
            (Code::BrokerTransportFailure, "retry connection uncertain"),
            (Code::NetworkException, "retry connection uncertain"),
            (Code::UnknownTopicOrPartition, "retry not_found certain"),
            (Code::ThrottlingQuotaExceeded, "retry rate_limited certain"),
            (Code::TopicAuthorizationFailed, "retry configuration certain"),
            (Code::ClusterAuthorizationFailed, "retry configuration certain"),
            (Code::SaslAuthenticationFailed, "retry configuration certain"),
            (Code::UnsupportedCompressionType, "retry configuration certain"),
            (Code::NotEnoughReplicas, "retry server_error certain"),
            (Code::NotEnoughReplicasAfterAppend, "retry server_error uncertain"),
            (Code::NotLeaderForPartition, "retry server_error certain"),
            (Code::KafkaStorageError, "retry server_error uncertain"),
            (Code::InvalidDifferentRecord, "retry server_error certain"),
            (Code::OutOfOrderSequenceNumber, "retry server_error uncertain"),
            (Code::Fatal, "retry server_error uncertain"),
            (Code::PurgeInflight, "retry server_error uncertain"),
            (Code::Unknown, "retry server_error uncertain"),
            (Code::MessageSizeTooLarge, "rejected refused certain"),
            (Code::InvalidRecord, "rejected refused certain"),
            (Code::PolicyViolation, "rejected refused certain"),
        ];
        for (code, expected) in cases {
            assert_eq!(line(&of_refused(code, SOON, SECOND_TRY, None)), expected, "{code:?}");
        }
    }

    #[test]
    fn what_may_have_been_tried_twice_is_not_certain() {
        let late = |code| line(&of_refused(code, SECOND_TRY, SECOND_TRY, None));
        assert_eq!(late(Code::TopicAuthorizationFailed), "retry configuration uncertain");
        assert_eq!(late(Code::MessageSizeTooLarge), "rejected refused uncertain");
    }

    #[test]
    fn what_was_not_sent_is_certain() {
        assert_eq!(line(&of_unsent(Code::QueueFull)), "retry rate_limited certain");
        assert_eq!(line(&of_unsent(Code::Fatal)), "retry server_error certain");
        assert_eq!(line(&of_unsent(Code::MessageSizeTooLarge)), "rejected refused certain");
    }

    #[test]
    fn a_time_out_is_told_by_what_made_it_one() {
        let because = |cause| {
            let trouble = Some((cause, "why".to_owned()));
            let outcome = of_refused(Code::MessageTimedOut, SECOND_TRY, SECOND_TRY, trouble);
            let Outcome::Retry { failure, .. } = &outcome else {
                panic!("{outcome:?}")
            };
            assert!(failure.message.ends_with(": why"), "{}", failure.message);
            line(&outcome)
        };
        assert_eq!(because(Code::AllBrokersDown), "retry connection uncertain");
        assert_eq!(because(Code::Resolve), "retry connection uncertain");
        assert_eq!(because(Code::Authentication), "retry configuration uncertain");
        assert_eq!(because(Code::OutOfOrderSequenceNumber), "retry timeout uncertain");
    }

    #[test]
    fn only_a_refusal_may_be_another_s_fault() {
        for (code, expected) in [
            (Code::MessageSizeTooLarge, true),
            (Code::InvalidRecord, true),
            (Code::InvalidDifferentRecord, true),
            (Code::TopicAuthorizationFailed, false),
            (Code::MessageTimedOut, false),
        ] {
            assert_eq!(may_be_another_s_fault(code), expected, "{code:?}");
        }
    }
}
