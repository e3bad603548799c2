import { isDeepStrictEqual } from "node:util";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { describePresentity } from "../../src/engine/presentity.ts";
import { hours, type Instant, instant, minutes, plus, seconds } from "../../src/lib/time.ts";
import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";
import type { JournalEntry } from "../../src/ports/journal.ts";
import type { EngineLab } from "../engine/engine-lab.ts";
import { PERSONS, type Step } from "./random-steps.ts";
import { expectedView, newTruth, type Truth, viewOf } from "./truth.ts";

const FORGED = { show: "dnd", source: "client", activity: { general: "working", specific: "in_a_meeting" } } as const;

interface Person {
  readonly jid: string;
  readonly truth: Truth;
  /** Minutes for which a meeting has been shown that is not so, while the gateway could do something about it. */
  wrongFor: number;
  /** What the server was last told; `undefined` when it knows nothing (any more). */
  told: string | undefined;
  toldAt: Instant;
  /** The same may come once more. */
  mayRepeat: boolean;
}

const trouble = (type: ErrorType) => new GatewayError("trouble", { type, code: `test-${type}` });

/** Plays steps on a gateway and holds what is shown against the truth, minute by minute. */
export class RandomLife {
  readonly #lab: EngineLab;
  readonly #people: readonly Person[];
  #staleLimit = 120;
  #run = 1;
  #sent = 0;
  /** Lets publications that a slow server has kept go on. */
  #release: () => void = () => undefined;

  constructor(lab: EngineLab) {
    this.#lab = lab;
    this.#people = Array.from({ length: PERSONS }, (_, index) => ({
      jid: `user${index}@example.com`,
      truth: newTruth(),
      wrongFor: 0,
      told: undefined,
      toldAt: instant(0),
      mayRepeat: false,
    }));
  }

  /** Enables everybody, plays the steps, mends everything, and throws unless all is right in the end. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const [person, { jid }] of this.#people.entries()) {
      this.#online({ kind: "online", person, resource: "pc", show: "available", priority: 0 });
      await this.#lab.enable(jid);
    }
    for (const step of steps) {
      await this.#take(step);
      await this.#pass(0);
    }
    await this.#mend();
    await this.#pass(65);
    this.#checkAllRight();
    await this.#crash(0);
    await this.#pass(2);
    this.#checkAllRight();
  }

  async #take(step: Step): Promise<void> {
    const { calendar, gateway, runtime } = this.#lab;
    const now = runtime.clock.now();
    switch (step.kind) {
      case "meeting": {
        const { truth } = this.#person(step.person);
        const start = plus(now, minutes(step.from));
        truth.meetings = [...truth.meetings, { start, end: plus(start, minutes(step.length)), status: step.status }];
        return this.#publishCalendar(step);
      }
      case "cancel": {
        const { truth } = this.#person(step.person);
        truth.meetings = truth.meetings.filter((_, index) => index !== step.which);
        return this.#publishCalendar(step);
      }
      case "online":
        return this.#online(step);
      case "offline":
        this.#person(step.person).truth.clients.delete(step.resource);
        return this.#lab.clients.offline(this.#person(step.person).jid, step.resource);
      case "override": {
        const { jid, truth } = this.#person(step.person);
        const until = step.length === undefined ? undefined : plus(now, minutes(step.length));
        if (truth.standing === "none") return undefined; // the chat answers users only
        truth.override = until && { until };
        return gateway.setOverride(parsePresentityId(jid), until && { kind: "pause", setAt: now, until });
      }
      case "exchange":
        calendar.outage = step.condition === "up" ? undefined : trouble(step.condition === "away" ? "wait" : "auth");
        return calendar.outage && calendar.dropWatchers();
      case "mailbox":
        return this.#setMailbox(step);
      case "watch-lost":
        return calendar.dropWatchers();
      case "server":
        return this.#setServer(step.condition);
      case "crash":
        return this.#crash(step.length);
      case "clock":
        return this.#stepClock(step.hours);
      case "standing":
        return this.#setStanding(step);
      case "frequency":
        return this.#setFrequency(step.minutes);
      case "forged":
        return this.#forge(this.#person(step.person));
      case "wait":
        return this.#pass(step.length);
    }
  }

  #person(index: number): Person {
    const person = this.#people[index];
    if (!person) throw new Error(`no person ${index}`);
    return person;
  }

  #publishCalendar({ person: index, isTold }: Step & { kind: "meeting" | "cancel" }): void {
    const { jid, truth } = this.#person(index);
    if (isTold) this.#lab.calendar.set(jid, truth.meetings);
    else this.#lab.calendar.meetings.set(parseMailbox(jid), truth.meetings);
  }

  #online({ person: index, resource, show, priority }: Step & { kind: "online" }): void {
    const { jid, truth } = this.#person(index);
    truth.clients.set(resource, { show, priority });
    this.#lab.clients.online(jid, { resource, show, priority });
  }

  #setMailbox({ person: index, condition }: Step & { kind: "mailbox" }): void {
    const mailbox = parseMailbox(this.#person(index).jid);
    if (condition === "ok") this.#lab.calendar.failing.delete(mailbox);
    else this.#lab.calendar.failing.set(mailbox, trouble(condition === "moving" ? "wait" : "cancel"));
  }

  async #setServer(condition: (Step & { kind: "server" })["condition"]): Promise<void> {
    const { publisher } = this.#lab;
    this.#checkSent();
    // What was not answered, or is not going to be, may have taken effect: sending it again is right.
    const isUncertain = publisher.refusal || publisher.lostAnswer || condition === "mute";
    if (isUncertain) for (const person of this.#people) person.told = undefined;
    publisher.refusal = undefined;
    publisher.lostAnswer = condition === "mute" ? trouble("wait") : undefined;
    this.#release();
    await this.#lab.runtime.clock.advance(0);
    this.#checkSent();
    if (condition === "slow") publisher.hold = this.#untilReleased();
    if (condition === "busy") publisher.refusal = trouble("wait");
    if (condition === "refusing") publisher.refusal = trouble("auth");
    if (condition === "lost") {
      this.#run++;
      publisher.setEpoch(undefined, { loseState: true });
      for (const person of this.#people) person.told = undefined;
    }
    publisher.setEpoch(condition === "away" ? undefined : `run-${this.#run}`);
  }

  #untilReleased(): Promise<void> {
    return new Promise((resolve) => {
      this.#release = () => {
        this.#lab.publisher.hold = undefined;
        resolve();
      };
    });
  }

  async #crash(downtime: number): Promise<void> {
    const { clients, gateway, runtime } = this.#lab;
    this.#release();
    await runtime.clock.advance(0);
    this.#checkSent();
    // That the last ones arrived may not be on the disk yet: they may come again.
    const stored = plus(runtime.clock.now(), -seconds(1));
    for (const person of this.#people) if (person.toldAt > stored) person.told = undefined;
    for (const { id } of [...gateway.presentities].filter(({ outbox }) => outbox.length > 0))
      for (const person of this.#people) if (person.jid === id) person.told = undefined;
    await this.#lab.crashAndRestart(() => runtime.clock.advance(minutes(downtime)));
    // A new connection begins with everybody's presence.
    clients.channel.push({ kind: "reset" });
    for (const { jid, truth } of this.#people)
      for (const [resource, client] of truth.clients) clients.online(jid, { resource, ...client });
    clients.channel.push({ kind: "settled" });
  }

  async #stepClock(length: 1 | -1): Promise<void> {
    const { clock } = this.#lab.runtime;
    // Whether one that was over comes back when the clock goes back is nobody's business.
    for (const { jid, truth } of this.#people) {
      truth.override = undefined;
      this.#lab.gateway.setOverride(parsePresentityId(jid), undefined);
    }
    clock.step(hours(length));
    await clock.advance(seconds(6)); // a step and its undoing within one look at the clock is not noticed
  }

  async #setStanding({ person: index, standing }: Step & { kind: "standing" }): Promise<void> {
    const { jid, truth } = this.#person(index);
    const { registry } = this.#lab.store;
    truth.standing = standing;
    if (standing === "none") {
      truth.override = undefined;
      await registry.deleteUser(parsePresentityId(jid));
    } else {
      const user = { presentity: parsePresentityId(jid), mailbox: parseMailbox(jid), gateway: "exchange" };
      await registry.replaceUser({ ...user, locale: "en", isEnabled: standing === "enabled" });
    }
    await this.#lab.runtime.clock.advance(seconds(3));
  }

  async #setFrequency(frequency: number): Promise<void> {
    this.#staleLimit = Math.max(this.#staleLimit, 2 * frequency);
    await this.#lab.store.registry.replaceParameter("ews-status-frequency", String(frequency));
    await this.#lab.runtime.clock.advance(10);
  }

  async #forge(person: Person): Promise<void> {
    const presentity = parsePresentityId(person.jid);
    if (person.truth.standing !== "enabled" || this.#lab.publisher.epoch() === undefined) return;
    this.#checkSent(); // what was sent before it is no answer to it
    this.#lab.publisher.shown.set(person.jid, FORGED);
    person.told = undefined;
    // What a slow server has kept was sent before the claim: its arrival is no answer to it.
    person.mayRepeat = this.#lab.publisher.hold !== undefined;
    this.#lab.clients.channel.push({ kind: "claim", presentity, carrier: "activity" });
    await this.#lab.runtime.clock.advance(10);
  }

  async #mend(): Promise<void> {
    const { calendar } = this.#lab;
    calendar.outage = undefined;
    calendar.failing.clear();
    await this.#setServer("up");
    await this.#setFrequency(60);
  }

  async #pass(length: number): Promise<void> {
    const { clock } = this.#lab.runtime;
    await clock.advance(10);
    this.#look(0);
    for (let minute = 0; minute < length; minute++) {
      await clock.advance(minutes(1));
      this.#look(1);
    }
  }

  #look(passed: number): void {
    const { publisher, runtime } = this.#lab;
    this.#checkSent();
    const canAct = publisher.epoch() !== undefined && !publisher.refusal && !publisher.hold;
    for (const person of this.#people) {
      const isShown = viewOf(publisher.shown.get(person.jid)).includes("in_a_meeting");
      const isSo = expectedView(person.truth, runtime.clock.now()).includes("in_a_meeting");
      person.wrongFor = isShown && !isSo ? person.wrongFor + (canAct ? passed : 0) : 0;
      if (person.wrongFor > this.#staleLimit + 1) throw new Error(`${person.jid} in a meeting that is not so`);
    }
  }

  /** Nothing may be sent twice that the server knows already, nor "nothing" to a server that shows nothing. */
  #checkSent(): void {
    const { sent } = this.#lab.publisher;
    for (const { presentity, document } of sent.slice(this.#sent)) {
      const person = this.#people.find(({ jid }) => jid === presentity);
      const text = JSON.stringify(document);
      if (!person) throw new Error(`${presentity} is nobody`);
      if (person.told === text && !person.mayRepeat) throw new Error(`sent twice for nothing: ${presentity} ${text}`);
      person.mayRepeat = person.mayRepeat && person.told !== text;
      person.told = this.#lab.publisher.lostAnswer ? undefined : text;
      person.toldAt = this.#lab.runtime.clock.now();
    }
    this.#sent = sent.length;
  }

  #checkAllRight(): void {
    const { publisher, runtime } = this.#lab;
    const now = runtime.clock.now();
    for (const { jid, truth } of this.#people) {
      const [shown, expected] = [viewOf(publisher.shown.get(jid)), expectedView(truth, now)];
      if (shown !== expected) throw new Error(`${jid} is shown as "${shown}" and is "${expected}"`);
      this.#checkJournal(jid, truth);
    }
  }

  /** What is in memory is on the disk; of somebody who is no user nothing is. */
  #checkJournal(jid: string, { standing }: Truth): void {
    const stored = this.#lab.store.journal.find(parsePresentityId(jid));
    if (standing === "none") {
      if (stored) throw new Error(`the journal still knows ${jid}: ${JSON.stringify(stored)}`);
      return;
    }
    const live = this.#lab.gateway.presentities.find(parsePresentityId(jid));
    const [inMemory, onDisk] = [essence(live && describePresentity(live)), essence(stored)];
    if (!isDeepStrictEqual(inMemory, onDisk))
      throw new Error(`memory and journal differ: ${JSON.stringify({ inMemory, onDisk })}`);
    if (live?.outbox.length) throw new Error(`${jid} has a publication left: ${JSON.stringify(inMemory)}`);
  }
}

/** Without what is undefined: on the disk it is absent. */
const essence = (entry: JournalEntry | undefined): unknown =>
  entry &&
  JSON.parse(
    JSON.stringify({
      document: entry.document,
      published: entry.published,
      outbox: entry.outbox,
      override: entry.override,
      intervals: entry.calendar?.intervals ?? [],
      clients: [...entry.clients].sort((a, b) => (a.resource < b.resource ? -1 : 1)),
    }),
  );
