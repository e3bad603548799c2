"""Uses the simulated Exchange as an ordinary EWS client does.

Prints "streaming" when the first notification has come, and at last what it saw as one line of JSON.
Arguments: URL of the service, API version, number of mailboxes user0@example.com ... The first one is impersonated.
"""

import json
import logging
import sys
from datetime import timedelta

from exchangelib import (
    BASIC,
    IMPERSONATION,
    UTC,
    Account,
    Build,
    CalendarItem,
    Configuration,
    Credentials,
    EWSDateTime,
    OofSettings,
    Version,
)
from exchangelib.items import SEND_TO_NONE

START = EWSDateTime(2026, 11, 2, 0, 0, tzinfo=UTC)
END = START + timedelta(days=1)


def free_busy(account, count):
    """Events and statuses of many mailboxes in one request."""
    accounts = [(f"user{index}@example.com", "Required", False) for index in range(count)]
    views = account.protocol.get_free_busy_info(accounts=accounts, start=START, end=END, requested_view="FreeBusy")
    return [[[str(event.start), str(event.end), event.busy_type] for event in view.calendar_events or []] for view in views]


def calendar_view(account):
    """Subjects and starts of a day, recurrences expanded."""
    return [[item.subject, str(item.start)] for item in account.calendar.view(start=START, end=END)]


def main():
    # Availability answers carry times without zone, which the library mentions for each event.
    logging.getLogger("exchangelib").setLevel(logging.ERROR)
    url, api_version, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    config = Configuration(
        service_endpoint=url,
        credentials=Credentials("svc", "pw"),
        auth_type=BASIC,
        version=Version(build=Build(15, 1, 2507, 6), api_version=api_version),
    )
    account = Account("user0@example.com", config=config, access_type=IMPERSONATION, default_timezone=UTC)
    seen = {"freeBusy": free_busy(account, count), "calendarName": account.calendar.name, "view": calendar_view(account)}

    seen["synchronised"] = [change for change, _ in account.calendar.sync_items(only_fields=["subject"])]
    subscription = account.calendar.subscribe_to_streaming()
    meeting = CalendarItem(
        account=account,
        folder=account.calendar,
        subject="Made by exchangelib",
        start=START + timedelta(hours=20),
        end=START + timedelta(hours=21),
        legacy_free_busy_status="OOF",
    )
    meeting.save(send_meeting_invitations=SEND_TO_NONE)
    seen["afterCreate"] = free_busy(account, 1)[0]
    seen["syncedAfterCreate"] = [change for change, _ in account.calendar.sync_items(only_fields=["subject"])]

    # The first notification is of the meeting made above, the second of what the test does when it reads "streaming".
    seen["streamed"] = []
    for notification in account.calendar.get_streaming_events(
        subscription, connection_timeout=1, max_notifications_returned=2
    ):
        seen["streamed"].append([type(event).__name__ for event in notification.events])
        print("streaming", flush=True)
    account.calendar.unsubscribe(subscription)

    meeting.subject = "Changed by exchangelib"
    meeting.end = START + timedelta(hours=22)
    meeting.save(send_meeting_invitations=SEND_TO_NONE)
    meeting.refresh()
    seen["afterUpdate"] = [meeting.subject, str(meeting.end)]
    meeting.delete(send_meeting_cancellations=SEND_TO_NONE)
    seen["afterDelete"] = len(free_busy(account, 1)[0])

    seen["replies"] = account.oof_settings.state
    account.oof_settings = OofSettings(
        state=OofSettings.SCHEDULED,
        external_audience="None",
        internal_reply="away",
        external_reply="away",
        start=START.replace(year=2090),
        end=END.replace(year=2090),
    )
    seen["repliesAfterSet"] = [account.oof_settings.state, str(account.oof_settings.start)]
    seen["resolved"] = [mailbox.email_address for mailbox in account.protocol.resolve_names(["user1@"])]
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
