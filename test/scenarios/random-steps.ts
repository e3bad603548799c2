import fc from "fast-check";
import type { FreeBusyStatus } from "../../src/core/busy-time.ts";
import type { ClientPresence } from "../../src/core/presence.ts";

/** One thing that happens; times in minutes from now, persons and meetings by number. */
export type Step =
  | {
      readonly kind: "meeting";
      readonly person: number;
      readonly from: number;
      readonly length: number;
      readonly status: FreeBusyStatus;
      /** False: the notification is lost. */
      readonly isTold: boolean;
    }
  | { readonly kind: "cancel"; readonly person: number; readonly which: number; readonly isTold: boolean }
  | {
      readonly kind: "online";
      readonly person: number;
      readonly resource: string;
      readonly show: ClientPresence["show"];
      readonly priority: number;
    }
  | { readonly kind: "offline"; readonly person: number; readonly resource: string }
  | { readonly kind: "override"; readonly person: number; readonly length: number | undefined }
  | { readonly kind: "exchange"; readonly condition: "up" | "away" | "refusing" }
  | { readonly kind: "mailbox"; readonly person: number; readonly condition: "ok" | "moving" | "gone" }
  | { readonly kind: "watch-lost" }
  | { readonly kind: "server"; readonly condition: "up" | "away" | "lost" | "busy" | "refusing" | "mute" | "slow" }
  | { readonly kind: "crash"; readonly length: number }
  | { readonly kind: "clock"; readonly hours: 1 | -1 }
  | { readonly kind: "standing"; readonly person: number; readonly standing: "enabled" | "disabled" | "none" }
  | { readonly kind: "frequency"; readonly minutes: 10 | 60 | 240 }
  | { readonly kind: "forged"; readonly person: number }
  | { readonly kind: "wait"; readonly length: number };

/** How many persons there are. */
export const PERSONS = 3;

const person = fc.nat({ max: PERSONS - 1 });
const resource = fc.constantFrom("pc", "phone");
const kind = <Kind extends Step["kind"]>(name: Kind) => fc.constant(name);
const isTold = fc.boolean();
const statuses = ["busy", "busy", "busy", "oof", "tentative", "workingElsewhere", "noData", "free"] as const;

/** Meetings that are nested, back to back, touch the present instant, or have no length, more often than chance has it. */
const aMeeting = fc.record({
  kind: kind("meeting"),
  person,
  from: fc.oneof(fc.constantFrom(-30, 0, 15, 30), fc.integer({ min: -60, max: 90 })),
  length: fc.oneof(fc.constantFrom(0, 15, 30, 60), fc.integer({ min: 0, max: 200 })),
  status: fc.constantFrom(...statuses),
  isTold,
});

/** Any step; the passing of time most often. */
export const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: kind("wait"), length: fc.constantFrom(0, 1, 5, 15, 30, 31, 65) }) },
  { weight: 5, arbitrary: aMeeting },
  { weight: 2, arbitrary: fc.record({ kind: kind("cancel"), person, which: fc.nat({ max: 3 }), isTold }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind("online"),
      person,
      resource,
      show: fc.constantFrom("available", "available", "away", "dnd", "xa", "chat"),
      priority: fc.integer({ min: -1, max: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind("offline"), person, resource }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind("override"), person, length: fc.constantFrom(undefined, 0, 10, 45) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind("exchange"), condition: fc.constantFrom("up", "away", "refusing") }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: kind("mailbox"), person, condition: fc.constantFrom("ok", "moving", "gone") }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("watch-lost") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind("server"),
      condition: fc.constantFrom("up", "away", "lost", "busy", "refusing", "mute", "slow"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("crash"), length: fc.constantFrom(0, 1, 40) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("clock"), hours: fc.constantFrom(1, -1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind("standing"),
      person,
      standing: fc.constantFrom("enabled", "enabled", "disabled", "none"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("frequency"), minutes: fc.constantFrom(10, 60, 240) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("forged"), person }) },
);
