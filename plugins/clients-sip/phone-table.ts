import type { PresentityId } from "../../src/core/addresses.ts";
import type { PhoneState } from "../../src/core/compose.ts";
import { type ClientPresence, sameClientPresence } from "../../src/core/presence.ts";
import { findKeyed, NONE } from "../../src/lib/keyed-list.ts";
import { type Instant, instant } from "../../src/lib/time.ts";
import type { ClientChange } from "../../src/ports/client-presence-source.ts";
import { applyCalls, type HeardCalls } from "../shared-sip/documents/decode-dialog-info.ts";
import type { HeardDocument } from "../shared-sip/documents/decode-pidf.ts";
import type { PhoneEvent } from "./subscription.ts";

/** When something was heard, and until when it holds. */
export interface Hearing {
  readonly now: Instant;
  readonly knownUntil: Instant;
}

interface User {
  phones: readonly ClientPresence[];
  /** The calls in which somebody talks. */
  talking: ReadonlySet<string>;
  /** Until when each event says that the user is on the phone; absent: it does not. */
  readonly onThePhone: Map<PhoneEvent, Instant>;
  /** As it was told last. */
  phone: PhoneState | undefined;
  hasClaim: boolean;
  /** Whether it was told since the last reset. */
  isConfirmed: boolean;
}

const NO_CALLS: ReadonlySet<string> = new Set();

/** What is known of all phones, and what each hearing changes of it. */
export class PhoneTable {
  readonly #users = new Map<PresentityId, User>();

  /** After a reset everything is to be told again once it is heard, the unchanged too. */
  doubt(): void {
    for (const user of this.#users.values()) user.isConfirmed = false;
  }

  /** Everything that is known, as changes from nothing. */
  *snapshot(): Generator<ClientChange> {
    for (const [presentity, { phones, phone }] of this.#users) {
      for (const presence of phones) yield { kind: "present", presentity, presence };
      if (phone) yield { kind: "phone", presentity, phone };
    }
  }

  /** Takes in a presence document. Phones that come are told before those that go: nobody is offline in between. */
  hear(presentity: PresentityId, document: HeardDocument, hearing: Hearing): readonly ClientChange[] {
    const user = this.#open(presentity);
    const before = user.phones;
    user.phones =
      document.phones.length === 0
        ? NONE
        : document.phones.map((heard) => kept(before, { ...heard, since: hearing.now, via: "sip" }));
    const told = user.isConfirmed ? before : NONE;
    const changes: ClientChange[] = user.phones
      .filter((presence) => !told.includes(presence))
      .map((presence) => ({ kind: "present", presentity, presence }));
    for (const { resource } of before)
      if (!findKeyed(user.phones, "resource", resource)) changes.push({ kind: "gone", presentity, resource });
    // Said once, not with every NOTIFY that repeats it.
    if (document.hasClaim && !user.hasClaim) changes.push({ kind: "claim", presentity, carrier: "document" });
    user.hasClaim = document.hasClaim;
    user.isConfirmed = true;
    changes.push(...this.#setOnThePhone(presentity, "presence", document.isOnThePhone, hearing));
    this.#close(presentity, user);
    return changes;
  }

  /** Takes in a dialog-info document; `undefined` when it says nothing: then there is no call. */
  hearCalls(presentity: PresentityId, heard: HeardCalls | undefined, hearing: Hearing): readonly ClientChange[] {
    const user = this.#open(presentity);
    user.talking = heard ? applyCalls(user.talking, heard) : NO_CALLS;
    const changes = this.#setOnThePhone(presentity, "dialog", user.talking.size > 0, hearing);
    this.#close(presentity, user);
    return changes;
  }

  /** What an event says holds for longer. */
  extend(presentity: PresentityId, event: PhoneEvent, hearing: Hearing): readonly ClientChange[] {
    const isOn = this.#users.get(presentity)?.onThePhone.has(event) ?? false;
    return isOn ? this.#setOnThePhone(presentity, event, true, hearing) : NONE;
  }

  /** Nothing that the event has said holds any more. */
  forget(presentity: PresentityId, event: PhoneEvent, now: Instant): readonly ClientChange[] {
    if (!this.#users.has(presentity)) return NONE;
    const hearing = { now, knownUntil: now };
    if (event === "dialog") return this.hearCalls(presentity, undefined, hearing);
    return this.hear(presentity, { phones: NONE, isOnThePhone: false, hasClaim: false }, hearing);
  }

  #setOnThePhone(
    presentity: PresentityId,
    event: PhoneEvent,
    isOn: boolean,
    { now, knownUntil }: Hearing,
  ): readonly ClientChange[] {
    const user = this.#open(presentity);
    if (isOn) user.onThePhone.set(event, knownUntil);
    else user.onThePhone.delete(event);
    const limits = [...user.onThePhone.values()];
    const latest = instant(Math.max(...limits));
    const phone = limits.length === 0 ? undefined : { since: user.phone?.since ?? now, knownUntil: latest };
    if (phone?.since === user.phone?.since && phone?.knownUntil === user.phone?.knownUntil) return NONE;
    user.phone = phone;
    return [{ kind: "phone", presentity, phone }];
  }

  #open(presentity: PresentityId): User {
    const known = this.#users.get(presentity);
    if (known) return known;
    const user: User = {
      phones: NONE,
      talking: NO_CALLS,
      onThePhone: new Map(),
      phone: undefined,
      hasClaim: false,
      isConfirmed: false,
    };
    this.#users.set(presentity, user);
    return user;
  }

  /** Most people's phones say nothing most of the time: nothing is kept of them. */
  #close(presentity: PresentityId, { phones, talking, phone, hasClaim }: User): void {
    if (phones.length + talking.size === 0 && !phone && !hasClaim) this.#users.delete(presentity);
  }
}

/** What says the same stays the same, with the time when it was first heard. */
function kept(before: readonly ClientPresence[], presence: ClientPresence): ClientPresence {
  const known = findKeyed(before, "resource", presence.resource);
  return known && sameClientPresence(known, presence) ? known : presence;
}
