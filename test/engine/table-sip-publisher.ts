import { expect } from "vitest";
import type { PresenceDocument } from "../../src/core/presence.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { PresencePublisher, Publication } from "../../src/ports/presence-publisher.ts";

/** A SIP presence server that remembers what is published under each address of record. */
export class TableSipPublisher implements PresencePublisher {
  readonly name = "sip";
  readonly capabilities = {
    addressType: "sip" as const,
    isSoftState: true,
    carries: new Set(["show", "activity", "note", "until"] as const),
    window: 64,
  };
  /** By address of record. */
  readonly shown = new Map<string, PresenceDocument>();
  readonly sent: (readonly [kind: "publish" | "retract", sip: string, show: string])[] = [];
  /** When set, requests fail with it; with `isLate` they take effect all the same. */
  refusal: { readonly error: GatewayError; readonly isLate?: boolean } | undefined;
  /** While set, requests wait for it. */
  hold: Promise<void> | undefined;

  async start(): Promise<void> {
    return;
  }

  async stop(): Promise<void> {
    return;
  }

  health() {
    return { state: "ok" } as const;
  }

  reduce(document: PresenceDocument): PresenceDocument {
    return document;
  }

  async publish({ sip, document }: Publication): Promise<object> {
    await this.#take("publish", sip, document);
    return {};
  }

  async retract({ sip, document }: Publication): Promise<void> {
    await this.#take("retract", sip, document);
  }

  epoch(): string {
    return "run-1";
  }

  async *watchEpoch(signal: AbortSignal): AsyncIterable<string | undefined> {
    yield "run-1";
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }

  async #take(kind: "publish" | "retract", sip: string | undefined, document: PresenceDocument): Promise<void> {
    expect(sip).toMatch(/^sip:/);
    await this.hold;
    const { refusal } = this;
    if (refusal && !refusal.isLate) throw refusal.error;
    this.sent.push([kind, sip ?? "", document.show]);
    if (kind === "publish") this.shown.set(sip ?? "", document);
    else this.shown.delete(sip ?? "");
    if (refusal) throw refusal.error;
  }
}
