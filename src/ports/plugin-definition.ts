import type { z } from "zod";
import type { CalendarSource } from "./calendar-source.ts";
import type { ClientPresenceSource } from "./client-presence-source.ts";
import type { DirectorySource } from "./directory-source.ts";
import type { NotificationListener } from "./notification-listener.ts";
import type { Parameters } from "./parameters.ts";
import type { PluginMemory } from "./plugin-memory.ts";
import type { PresencePublisher } from "./presence-publisher.ts";
import type { Runtime } from "./runtime.ts";
import type { Trust } from "./trust.ts";
import type { XmppLink } from "./xmpp-link.ts";

/** What each kind of plugin creates. */
interface PluginKinds {
  readonly calendar: CalendarSource;
  readonly publish: PresencePublisher;
  readonly clients: ClientPresenceSource;
  readonly directory: DirectorySource;
}

/** A kind of plugin. */
export type PluginKind = keyof PluginKinds;

/** What a plugin may use. */
export interface PluginContext {
  /** The instance's own name, e.g. the calendar server's. */
  readonly name: string;
  readonly runtime: Runtime;
  readonly parameters: Parameters;
  readonly xmpp: XmppLink;
  readonly trust: Trust;
  readonly listener: NotificationListener;
  readonly memory: PluginMemory;
}

/** A plugin by its name, and the options that it is given; they are checked by its own schema. */
export interface PluginWay {
  readonly plugin: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A plugin: data and a factory, no side effects. */
export interface PluginDefinition<Kind extends PluginKind = PluginKind, Options extends z.ZodObject = z.ZodObject> {
  readonly kind: Kind;
  /** What administrators call it; with the kind it names the folder, `<kind>-<name>`, where that has not the protocol's name. */
  readonly name: string;
  readonly summary: string;
  /** Specifications with version or section. */
  readonly implements: readonly string[];
  /** Strict: unknown keys are refused by name. Values are strings on the way in (chat commands). */
  readonly options: Options;
  /** Names of the options that are secret: sealed in the store, never shown. */
  readonly secrets: readonly (keyof z.infer<Options> & string)[];
  /** Names of the options that say as whom: what gateways with the same credentials have in common. */
  readonly credentials?: readonly (keyof z.infer<Options> & string)[];
  readonly needs: readonly "xmpp"[];
  /**
   * By which plugins of the same kind, best first, these options may be served as well; without it by this one alone. More
   * than one: the first whose test passes is used.
   */
  ways?(options: z.infer<Options>): readonly PluginWay[];
  /** True when the other has the same mailboxes by a service that follows on this one; options as they are stored. */
  isSucceededBy?(options: Readonly<Record<string, string>>, other: PluginWay): boolean;
  create(options: z.infer<Options>, context: PluginContext): PluginKinds[Kind];
}

/** Types a definition; does nothing else. */
export const definePlugin = <Kind extends PluginKind, Options extends z.ZodObject>(
  definition: PluginDefinition<Kind, Options>,
): PluginDefinition<Kind, Options> => definition;
