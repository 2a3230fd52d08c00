"""The budget: how many messages a receiver gets in a day. Pure."""

from datetime import date, datetime

from alerts.route_options import Receiver
from schemas.watch import Severity


def budget_day(receiver: Receiver, moment: datetime) -> date:
    """Return the day on which a message of this moment counts: that of the receiver's calendar."""
    return moment.astimezone(receiver.zone).date()


def fits(receiver: Receiver, spent_today: int, severity: Severity) -> bool:
    """Tell whether one more message may be sent today, on top of those counted."""
    budget = receiver.budget
    return budget is None or spent_today < budget.per_day or severity in budget.exempt
