import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { decodeSendNotification } from "../../../plugins/calendar-ews/notifications/decode-notifications.ts";
import { PushInbox } from "../../../plugins/calendar-ews/notifications/push-inbox.ts";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { anyText } from "./any-text.ts";

const MAILBOXES: ReadonlyMap<string, Mailbox> = new Map([
  ["A", parseMailbox("alice@example.com")],
  ["B", parseMailbox("bob@example.com")],
]);

let inbox: PushInbox;
let signs: string[];

beforeEach(() => {
  inbox = new PushInbox("mail.example.com", (id) => MAILBOXES.get(id));
  signs = [];
  const read = async (): Promise<void> => {
    for await (const sign of inbox.read(new AbortController().signal))
      signs.push(sign.kind === "changed" ? `changed ${sign.mailbox}` : sign.kind);
  };
  void read(); // ends with the test: nothing keeps it
});

/** As Exchange sends it; events are `Name:watermark`. */
const notification = (id: string, previous: string, ...events: readonly string[]): string => {
  const list = events.map((event) => {
    const [name, watermark] = event.split(":");
    return `<t:${name}><t:Watermark>${watermark}</t:Watermark><t:TimeStamp>2026-11-23T09:00:00Z</t:TimeStamp></t:${name}>`;
  });
  return (
    '<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/">' +
    '<soap11:Body><m:SendNotification xmlns:t="urn:t" xmlns:m="urn:m"><m:ResponseMessages>' +
    '<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>' +
    `<t:SubscriptionId>${id}</t:SubscriptionId><t:PreviousWatermark>${previous}</t:PreviousWatermark>` +
    `<t:MoreEvents>false</t:MoreEvents>${list.join("")}</m:Notification></m:SendNotificationResponseMessage>` +
    "</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
  );
};

function send(text: string): string {
  const { status, body } = inbox.receive({ headers: new Map(), body: Buffer.from(text) });
  return status === 200 ? (/SubscriptionStatus>(\w+)</.exec(body)?.[1] ?? "") : String(status);
}

describe("what is pushed", () => {
  it("is answered at once and told in order; a sign of life is no change", async () => {
    inbox.made({ id: "A", watermark: "1" });
    expect(send(notification("A", "1", "StatusEvent:1"))).toBe("OK");
    await settle();
    expect(signs).toEqual(["heard"]);
    expect(send(notification("A", "1", "CreatedEvent:2", "FreeBusyChangedEvent:3"))).toBe("OK");
    await settle();
    expect(signs).toEqual(["heard", "heard", "changed alice@example.com"]);
  });

  it("twice, because the answer was lost, is told once", async () => {
    inbox.made({ id: "A", watermark: "1" });
    for (let times = 0; times < 3; times++) expect(send(notification("A", "1", "ModifiedEvent:2"))).toBe("OK");
    await settle();
    expect(signs.filter((sign) => sign.startsWith("changed"))).toHaveLength(1);
  });

  it("after a gap means that the mailbox has changed, even if it is only a sign of life", async () => {
    inbox.made({ id: "A", watermark: "1" });
    expect(send(notification("A", "7", "StatusEvent:7"))).toBe("OK");
    await settle();
    expect(signs).toContain("changed alice@example.com");
  });

  it("for a subscription that is unknown, or another's, or over, ends it", async () => {
    inbox.made({ id: "A", watermark: "1" });
    expect(send(notification("B", "1", "StatusEvent:1"))).toBe("Unsubscribe");
    expect(send(notification("", "1", "CreatedEvent:2"))).toBe("Unsubscribe");
    inbox.delete("A");
    expect(send(notification("A", "1", "StatusEvent:1"))).toBe("Unsubscribe");
    await settle();
    expect(signs).toEqual([]);
  });

  it("before the answer to its own Subscribe is not refused, and is looked at", async () => {
    inbox.isExpecting = true;
    expect(send(notification("A", "1", "StatusEvent:1"))).toBe("OK");
    inbox.made({ id: "A", watermark: "1" });
    await settle();
    expect(signs).toEqual(["changed alice@example.com"]);
    expect(inbox.tick({ first: 0, again: 9 })).toEqual([]);
  });

  it("a thousand times before it is read waits as one", async () => {
    inbox.made({ id: "A", watermark: "0" });
    for (let mark = 0; mark < 1000; mark++) send(notification("A", `${mark}`, `ModifiedEvent:${mark + 1}`));
    await settle();
    expect(signs).toEqual(["heard", "changed alice@example.com"]);
  });
});

describe("the watchdog", () => {
  it("[P6] tells what was never heard of and, later, what is not heard of any more", () => {
    inbox.made({ id: "A", watermark: "1" });
    inbox.made({ id: "B", watermark: "1" });
    send(notification("A", "1", "StatusEvent:1"));
    const ticks = Array.from({ length: 6 }, () => inbox.tick({ first: 2, again: 4 }).join());
    expect(ticks).toEqual(["", "", "B", "B", "A,B", "A,B"]);
    send(notification("A", "1", "StatusEvent:1"));
    expect(inbox.tick({ first: 2, again: 4 })).toEqual(["B"]);
  });
});

describe("what is no notification", () => {
  it.each([
    ["", "400"],
    ["hello", "400"],
    ["<html><body>hello</body></html>", "400"],
    ['<!DOCTYPE x [<!ENTITY a "b">]><Envelope>&a;</Envelope>', "400"],
    ["<Envelope>", "400"],
    [`${"<Envelope>".repeat(100)}`, "400"],
    [`<Envelope>${" ".repeat(300 * 1024)}</Envelope>`, "400"],
    ["<Envelope/>", "OK"],
  ])("%j is answered and forgotten", (text, answer) => {
    expect(send(text)).toBe(answer);
  });

  it("is refused if it is not UTF-8", () => {
    const body = Buffer.from([0x3c, 0x45, 0xff, 0x3e]);
    expect(inbox.receive({ headers: new Map(), body }).status).toBe(400);
  });

  it("of any kind never throws anything but a GatewayError, and never stops the inbox", () => {
    const pieces = fc.constantFrom(
      "<Envelope>",
      "</Envelope>",
      "<m:Notification>",
      "</m:Notification>",
      "<t:SubscriptionId>A</t:SubscriptionId>",
      "<t:Watermark>",
      "</t:Watermark>",
      "<CreatedEvent/>",
      "<Fault>",
    );
    const text = fc.oneof(
      anyText(200),
      fc.array(pieces).map((parts) => parts.join("")),
      fc.uint8Array(),
    );
    inbox.made({ id: "A", watermark: "1" });
    fc.assert(
      fc.property(text, (given) => {
        const body = typeof given === "string" ? Buffer.from(given) : given;
        expect([200, 400]).toContain(inbox.receive({ headers: new Map(), body }).status);
        try {
          decodeSendNotification("h", body);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
    );
    expect(send(notification("A", "1", "StatusEvent:1"))).toBe("OK");
  });
});
