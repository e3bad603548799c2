"""Reads the free/busy times of many mailboxes again and again, and prints the CPU seconds of each time as JSON.

Arguments: URL of the service, number of mailboxes, how often. What exchangelib asks beside GetUserAvailability (the
server's time zones) is asked once, before, and not counted.
"""

import json
import logging
import sys
import time
from datetime import timedelta

from exchangelib import BASIC, UTC, Build, Configuration, Credentials, EWSDateTime, Version
from exchangelib.properties import FreeBusyViewOptions, MailboxData, TimeWindow, TimeZone
from exchangelib.protocol import Protocol
from exchangelib.services import GetUserAvailability

START = EWSDateTime(2026, 11, 2, 0, 0, tzinfo=UTC)
WARM_UP = 3


def main():
    logging.disable(logging.CRITICAL)  # a warning for each time without zone would be counted against exchangelib
    url, count, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    config = Configuration(
        service_endpoint=url,
        credentials=Credentials("svc", "pw"),
        auth_type=BASIC,
        version=Version(build=Build(15, 1, 2507, 6), api_version="Exchange2013_SP1"),
    )
    protocol = Protocol(config=config)
    zones = list(protocol.get_timezones(timezones=[UTC], return_full_timezone_data=True))
    zone = TimeZone.from_server_timezone(tz_definition=zones[0], for_year=START.year)
    options = FreeBusyViewOptions(
        time_window=TimeWindow(start=START, end=START + timedelta(days=1)),
        merged_free_busy_interval=5,
        requested_view="FreeBusy",
    )
    samples = []
    for _ in range(WARM_UP + times):
        mailboxes = [
            MailboxData(email=f"user{index}@example.com", attendee_type="Required", exclude_conflicts=False)
            for index in range(count)
        ]
        before = time.process_time()
        views = list(
            GetUserAvailability(protocol).call(mailbox_data=mailboxes, timezone=zone, free_busy_view_options=options)
        )
        samples.append(time.process_time() - before)
        events = sum(len(view.calendar_events or []) for view in views)
    print(json.dumps({"seconds": samples[WARM_UP:], "events": events}))


if __name__ == "__main__":
    main()
