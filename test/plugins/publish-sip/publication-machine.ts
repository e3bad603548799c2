import {
  type EventPublication,
  newPublication,
  type Outgoing,
  type PublicationAction,
  type PublicationEvent,
  step,
  wakeAt,
} from "../../../plugins/publish-sip/event-publication.ts";
import type { PublishAnswer } from "../../../plugins/publish-sip/publish-answer.ts";
import type { PresenceDocument } from "../../../src/core/presence.ts";
import { type Instant, plus, seconds } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { publicationOf } from "./publications.ts";

/** What is asked for. */
export const HOUR = seconds(3600);

/** One publication, stepped by hand; what is enqueued gets its turn at once. */
export class Machine {
  state: EventPublication = newPublication(HOUR);
  now: Instant = MONDAY_MORNING;
  readonly sent: Outgoing[] = [];
  readonly ended: (readonly [serial: number, code: string])[] = [];
  readonly other: PublicationAction["kind"][] = [];
  underWay = 0;
  #serial = 0;

  step(event: PublicationEvent): void {
    const [state, actions] = step(this.state, event, { now: this.now, random: 0.5 });
    this.state = state;
    for (const action of actions) this.#act(action);
  }

  offer(document: PresenceDocument | undefined): void {
    const publication = document && publicationOf("alice", document);
    this.step({ kind: "offer", offer: { publication, serial: ++this.#serial } });
  }

  answer(answer: Partial<Extract<PublishAnswer, { kind: "response" }>> & { readonly status: number }): void {
    this.underWay--;
    this.step({ kind: "answer", answer: { kind: "response", reason: "", ...answer } });
  }

  lose(): void {
    this.underWay--;
    const error = new GatewayError("lost", { type: "wait", code: "sip-timeout" });
    this.step({ kind: "answer", answer: { kind: "none", error } });
  }

  /** Lets the time of the next timer come. */
  wake(): void {
    this.now = plus(wakeAt(this.state) ?? this.now, 0);
    this.step({ kind: "timer" });
  }

  #act(action: PublicationAction): void {
    if (action.kind === "enqueue") this.step({ kind: "turn" });
    else if (action.kind === "send") {
      this.sent.push(action.request);
      this.underWay++;
    } else if (action.kind === "settle") this.ended.push([action.serial, action.error?.code ?? "ok"]);
    else this.other.push(action.kind);
  }
}
