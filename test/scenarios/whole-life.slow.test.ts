import fc from "fast-check";
import { describe, it } from "vitest";
import { instant, type Milliseconds, milliseconds } from "../../src/lib/time.ts";
import { expectedView, newTruth, type Truth } from "./truth.ts";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";

const RUNS = Number(process.env["WHOLE_LIFE_RUNS"] ?? 5);
const USERS = ["alice", "bob"] as const;
type User = (typeof USERS)[number];

type Step =
  | { readonly kind: "meeting"; readonly user: User; readonly from: number; readonly length: number }
  | { readonly kind: "cancel"; readonly user: User; readonly which: number }
  | { readonly kind: "client"; readonly user: User; readonly resource: string; readonly show: string }
  | { readonly kind: "exchange"; readonly condition: "up" | "down" | "deaf" | "busy" | "cut" }
  | { readonly kind: "server"; readonly condition: "up" | "mute" | "dropped" | "restarted" }
  | { readonly kind: "clock"; readonly hours: 1 | -1 }
  | { readonly kind: "wait"; readonly seconds: number };

const user = fc.constantFrom(...USERS);
const kind = <Kind extends Step["kind"]>(name: Kind) => fc.constant(name);

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: kind("wait"), seconds: fc.constantFrom(0, 1, 3, 20, 70, 400) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind("meeting"),
      user,
      from: fc.constantFrom(-20, 0, 1, 5),
      length: fc.constantFrom(1, 5, 30, 200),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind("cancel"), user, which: fc.nat({ max: 2 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kind("client"),
      user,
      resource: fc.constantFrom("pc", "phone"),
      show: fc.constantFrom("", "away", "dnd", "gone"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind("exchange"), condition: fc.constantFrom("up", "down", "deaf", "busy", "cut") }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind("server"), condition: fc.constantFrom("up", "mute", "dropped", "restarted") }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("clock"), hours: fc.constantFrom(1, -1) }) },
);

/** Plays steps on a whole gateway, mends everything, and throws unless all is right then. */
class WholeLife {
  readonly #whole: WholeGateway;
  readonly #truths = new Map<User, Truth>(USERS.map((name) => [name, newTruth()]));
  readonly #cancels = new Map<User, (() => void)[]>(USERS.map((name) => [name, []]));
  #isDown = false;
  #runs = 1;

  constructor(whole: WholeGateway) {
    this.#whole = whole;
  }

  async play(steps: readonly Step[]): Promise<void> {
    const { enable, pass, passUntil, gateway, xmpp } = this.#whole;
    await enable(...USERS);
    for (const truth of this.#truths.values()) truth.clients.set("pc", { show: "available", priority: 0 });
    for (const step of steps) {
      await this.#take(step);
      await pass(1);
    }
    await this.#setExchange("up");
    this.#setServer("up");
    const isAllDone = (): boolean => this.#wrong() === "" && gateway.publishers.every(({ depth }) => depth === 0);
    await passUntil(isAllDone, "what is so", LONGEST_RECOVERY).catch((cause: unknown) => {
      throw new Error(this.#wrong() || "publications are left", { cause });
    });
    await pass(LONGEST_READ);
    await passUntil(isAllDone, "what is so then");
    const { publications } = xmpp;
    await pass(Math.min(30, Math.max(0, this.#nextEdge() / 1000 - 2)));
    if (xmpp.publications !== publications) throw new Error("something was published for nothing");
  }

  #wrong(): string {
    const wrong = USERS.filter((name) => this.#whole.xmpp.view(name) !== this.#expected(name));
    return wrong
      .map((name) => `${name} is shown as "${this.#whole.xmpp.view(name)}" and is "${this.#expected(name)}"`)
      .join();
  }

  /** An activity alone stands beside the user's own dnd; the overlay shows nothing then. */
  #expected(name: User): string {
    const [show = "", activity = "", text = ""] = expectedView(
      this.#truth(name),
      this.#whole.runtime.clock.now(),
    ).split("|");
    return show === "" ? "" : `${text === "" ? "" : show}|${activity}`;
  }

  #truth(name: User): Truth {
    const truth = this.#truths.get(name);
    if (!truth) throw new Error(`${name} is nobody`);
    return truth;
  }

  /** How long nothing is due to change. */
  #nextEdge(): Milliseconds {
    const now = this.#whole.runtime.clock.now();
    const edges = [...this.#truths.values()].flatMap(({ meetings }) =>
      meetings.flatMap(({ start, end }) => [start, end]),
    );
    return milliseconds(Math.min(...edges.filter((edge) => edge > now), now + 60_000) - now);
  }

  async #take(step: Step): Promise<void> {
    const { xmpp, runtime, pass, meet } = this.#whole;
    switch (step.kind) {
      case "meeting": {
        const start = runtime.clock.now() + step.from * 60_000;
        const meeting = { start: instant(start), end: instant(start + step.length * 60_000), status: "busy" } as const;
        this.#truth(step.user).meetings.push(meeting);
        this.#cancels.get(step.user)?.push(meet(step.user, step.from, step.from + step.length));
        return;
      }
      case "cancel":
        this.#cancels.get(step.user)?.splice(step.which, 1)[0]?.();
        this.#truth(step.user).meetings.splice(step.which, 1);
        return;
      case "client": {
        const { clients } = this.#truth(step.user);
        if (step.show === "gone") {
          clients.delete(step.resource);
          return xmpp.offline(step.user, step.resource);
        }
        const show = step.show === "dnd" || step.show === "away" ? step.show : "available";
        clients.set(step.resource, { show, priority: 0 });
        return xmpp.online(step.user, step.show && `<show>${step.show}</show>`, step.resource);
      }
      case "exchange":
        return this.#setExchange(step.condition);
      case "server":
        return this.#setServer(step.condition);
      case "clock":
        return runtime.clock.step(step.hours * 3_600_000);
      case "wait":
        return pass(step.seconds);
    }
  }

  async #setExchange(condition: (Step & { kind: "exchange" })["condition"]): Promise<void> {
    const { exchange } = this.#whole;
    const { faults } = exchange;
    faults.clear();
    if (this.#isDown) await exchange.restart();
    this.#isDown = condition === "down";
    if (this.#isDown) await exchange.stop();
    if (condition === "deaf") faults.hang(1000);
    if (condition === "busy") faults.serverBusy({ times: 1000, backOffMilliseconds: 3000 });
    if (condition === "cut") faults.truncated(1000, "connection");
  }

  #setServer(condition: (Step & { kind: "server" })["condition"]): void {
    const { xmpp } = this.#whole;
    xmpp.intercept = () => (condition === "mute" ? "" : undefined);
    if (condition === "restarted") xmpp.beginAnotherRun(`run-${++this.#runs}`);
    if (condition === "restarted" || condition === "dropped") xmpp.server.drop();
  }
}

/** Seconds: watching is tried again after 5 minutes at most, a mute server is noticed within one and a half. */
const LONGEST_RECOVERY = 700;
/** Seconds after which what was not heard of was read: it may last longer than known, and be published with its end. */
const LONGEST_READ = 330;

describe("whatever happens to the servers", () => {
  it("everybody is shown as they are soon after all is well, and nothing is published after that", async () => {
    const life = fc.asyncProperty(fc.array(aStep, { minLength: 3, maxLength: 15, size: "max" }), async (steps) => {
      const whole = await startWholeGateway();
      try {
        await new WholeLife(whole).play(steps);
      } finally {
        await whole.close();
      }
    });
    await fc.assert(life, { numRuns: RUNS });
  }, 600_000);
});
