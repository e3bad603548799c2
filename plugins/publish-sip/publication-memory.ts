import { z } from "zod";
import { parsePresentityId, parseSipAor, type SipAor } from "../../src/core/addresses.ts";
import { instant } from "../../src/lib/time.ts";
import type { PluginMemory } from "../../src/ports/plugin-memory.ts";
import type { Publication } from "../../src/ports/presence-publisher.ts";
import type { Granted } from "./event-publication.ts";

const STATE = z.object({
  etag: z.string(),
  at: z.number(),
  expiresAt: z.number(),
  presentity: z.string().transform(parsePresentityId),
  locale: z.string(),
  document: z.object({
    show: z.enum(["chat", "available", "away", "xa", "dnd", "unavailable"]),
    source: z.enum(["client", "calendar", "phone", "override"]),
    activity: z.object({ general: z.string(), specific: z.string().exactOptional() }).exactOptional(),
    text: z.enum(["in-a-meeting", "out-of-office", "on-the-phone"]).exactOptional(),
    note: z.record(z.string(), z.string()).exactOptional(),
    until: z.number().transform(instant).exactOptional(),
    from: z.number().transform(instant).exactOptional(),
    priority: z.number().exactOptional(),
    idleSince: z.number().transform(instant).exactOptional(),
  }),
});

/** What the server held of one AOR when the gateway ended. */
export interface Remembered {
  readonly aor: SipAor;
  readonly publication: Publication;
  readonly granted: Omit<Granted, "offer">;
}

/** Keys of the memory that are no AORs. */
const EPOCH = "epoch";

/**
 * The entity tags, and what they stand for, over a restart: the document is needed for the next refresh, and each refresh
 * has a new tag, of which the engine's journal knows nothing.
 */
export class PublicationMemory {
  readonly #memory: PluginMemory;

  constructor(memory: PluginMemory) {
    this.#memory = memory;
  }

  /** All that is remembered of this server; what was kept of another one is forgotten. */
  load(server: string, makeId: () => string): { readonly epoch: string; readonly remembered: readonly Remembered[] } {
    const kept = this.#memory.load();
    const epoch = kept.get(EPOCH);
    const isSame = epoch?.startsWith(`${server} `) === true;
    const remembered = isSame ? [...kept].flatMap(readEntry) : [];
    const readable = new Set<string>(remembered.map(({ aor }) => aor));
    const lost = [...kept.keys()].filter((key) => key !== EPOCH && !readable.has(key));
    for (const key of lost) this.#memory.delete(key);
    if (isSame && lost.length === 0) return { epoch, remembered };
    // The engine is to offer everything again; what is remembered is not sent for that.
    const fresh = `${server} ${makeId()}`;
    this.#memory.put(EPOCH, fresh);
    return { epoch: fresh, remembered };
  }

  /** The server holds this now; undefined: nothing. */
  record(aor: SipAor, granted: Granted | undefined): void {
    const publication = granted?.offer.publication;
    if (!publication) {
      this.#memory.delete(aor);
      return;
    }
    const { presentity, locale, document } = publication;
    const { etag, at, expiresAt } = granted;
    this.#memory.put(aor, JSON.stringify({ etag, at, expiresAt, presentity, locale, document }));
  }
}

/** What cannot be read is as if it had not been kept. */
function readEntry([key, value]: readonly [string, string]): readonly Remembered[] {
  if (key === EPOCH) return [];
  try {
    const aor = parseSipAor(key);
    const { etag, at, expiresAt, ...rest } = STATE.parse(JSON.parse(value));
    const granted = { etag, at: instant(at), expiresAt: instant(expiresAt) };
    return [{ aor, publication: { ...rest, sip: aor }, granted }];
  } catch {
    return [];
  }
}
