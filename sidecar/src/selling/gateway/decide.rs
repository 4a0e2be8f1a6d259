//! What happens next to a payment that the ledger knows. No I/O.

use std::time::Duration;

use insforge_protocol::ledger::Status;
use insforge_protocol::x402::Reason;

use crate::config::Order;
use crate::selling::{Delivery, Sale};

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for the outcome.
    Wait,
    /// Claim the delivery; whether the payment must be settled for that.
    Claim {
        /// Only a settled payment is delivered for.
        settled_only: bool,
    },
    /// No money moved and none can: ask for another payment.
    Refuse(String),
    /// The outcome is open; the same payment must be sent again after so long.
    Open(Duration),
    /// A person has to look.
    Review,
}

/// How long a buyer is asked to stay away while an outcome is open.
const RETRY: Duration = Duration::from_secs(3);

/// Decides. `waited`: the time for waiting is used up.
pub(super) fn next(order: Order, sale: &Sale, waited: bool) -> Next {
    let wait = if waited { Next::Open(RETRY) } else { Next::Wait };
    match (sale.status, order, sale.delivery) {
        (Status::Settled, ..) => Next::Claim { settled_only: true },
        (Status::Failed, ..) => Next::Refuse(
            sale.error_reason
                .clone()
                .unwrap_or_else(|| Reason::UnexpectedSettle.to_string()),
        ),
        (Status::Expired, ..) => Next::Refuse(Reason::ValidBefore.to_string()),
        (Status::Review, ..) => Next::Review,
        // Nothing was settled yet, and nothing will be before there is an answer.
        (Status::Pending, Order::HandleFirst, Delivery::Open | Delivery::Claimed | Delivery::Ours(_)) => {
            Next::Claim { settled_only: false }
        }
        (Status::Accepted, ..) => Next::Open(RETRY),
        (Status::Pending | Status::Settling | Status::Submitted | Status::Unknown, ..) => wait,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn sale(status: Status, delivery: Delivery) -> Sale {
        Sale {
            id: Uuid::nil(),
            status,
            tx_hash: None,
            payer: String::new(),
            network: None,
            error_reason: None,
            delivery,
        }
    }

    const DELIVERIES: [Delivery; 5] = [
        Delivery::None,
        Delivery::Open,
        Delivery::Claimed,
        Delivery::Ours(1),
        Delivery::Answered,
    ];
    const ORDERS: [Order; 2] = [Order::SettleFirst, Order::HandleFirst];

    #[test]
    fn a_new_payment_is_asked_for_only_when_no_money_moved_and_none_can() {
        for order in ORDERS {
            for delivery in DELIVERIES {
                for status in Status::ALL {
                    for waited in [false, true] {
                        let refused = matches!(next(order, &sale(status, delivery), waited), Next::Refuse(_));
                        let closed = matches!(status, Status::Failed | Status::Expired);
                        assert_eq!(refused, closed, "{order:?} {status} {delivery:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn settle_first_delivers_for_settled_payments_only() {
        for status in Status::ALL {
            for delivery in DELIVERIES {
                let next = next(Order::SettleFirst, &sale(status, delivery), true);
                let claims = matches!(next, Next::Claim { .. });
                assert_eq!(claims, status == Status::Settled, "{status} {delivery:?}");
            }
        }
    }

    #[test]
    fn handle_first_gets_the_answer_before_settling_and_keeps_it_until_settled() {
        let decide = |status, delivery| next(Order::HandleFirst, &sale(status, delivery), false);
        let unsettled = Next::Claim { settled_only: false };
        assert_eq!(decide(Status::Pending, Delivery::Open), unsettled);
        assert_eq!(decide(Status::Pending, Delivery::Answered), Next::Wait);
        assert_eq!(decide(Status::Unknown, Delivery::Answered), Next::Wait);
        assert_eq!(
            decide(Status::Unknown, Delivery::Open),
            Next::Wait,
            "an answer too large to keep"
        );
        assert_eq!(
            decide(Status::Settled, Delivery::Answered),
            Next::Claim { settled_only: true }
        );
    }

    #[test]
    fn an_open_outcome_is_waited_for_once_and_then_the_buyer_comes_back_with_the_same_payment() {
        for status in [
            Status::Pending,
            Status::Settling,
            Status::Submitted,
            Status::Unknown,
        ] {
            let sale = sale(status, Delivery::Open);
            assert_eq!(next(Order::SettleFirst, &sale, false), Next::Wait);
            assert_eq!(next(Order::SettleFirst, &sale, true), Next::Open(RETRY));
        }
    }
}
