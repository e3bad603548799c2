import { GraphCalendarSource, type GraphOptions } from "../../plugins/calendar-graph/graph-calendar-source.ts";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { milliseconds } from "../../src/lib/time.ts";
import { textOf } from "../../src/ports/xml-element.ts";
import { DirectWebhooks } from "../doubles/direct-webhooks.ts";
import type { ExchangeClock } from "../doubles/exchange/clock.ts";
import type { CloudMeeting } from "../doubles/microsoft/cloud-mailbox.ts";
import { CloudWebClient } from "../doubles/microsoft/cloud-web-client.ts";
import type { Application } from "../doubles/microsoft/entra.ts";
import { MicrosoftCloud } from "../doubles/microsoft/microsoft-cloud.ts";
import { TestMemory } from "../doubles/plugin-context.ts";
import { CLIENT, graphOptions, SECRET, TENANT } from "../plugins/calendar-graph/scenario.ts";
import { startWholeGateway, type WholeGateway, type WholeGatewayOptions } from "./whole-gateway.ts";
import { DOMAIN } from "./xmpp-world.ts";

const ADMIN = `admin@${DOMAIN}`;
const MINUTE = 60_000;
/** A request to the cloud takes a while, and so does a notification; in milliseconds. */
const TIMES = { request: 300, delivery: 500 };

/** A whole gateway beside an Exchange (server `hq`) and a tenant of Office 365 (server `cloud`). */
export interface Office365Gateway {
  readonly whole: WholeGateway;
  readonly cloud: MicrosoftCloud;
  readonly application: Application;
  readonly webhooks: DirectWebhooks;
  /** What the administrator was told by chat, answers to commands included. */
  readonly told: readonly string[];
  /** How far the cloud's clock is ahead of the gateway's, in milliseconds. */
  skew: number;
  /** Enables users with mailboxes in the cloud, and lets each be online. */
  enable(users: readonly string[], gateway?: string): Promise<void>;
  /** Minutes from now; returns what removes the meeting. */
  meet(user: string, from: number, to: number): () => void;
  /** Tells the gateway of the tenant, as `gateway add` and `gateway set` do. */
  addTenant(secret?: string): Promise<void>;
  /** The administrator says it by chat. */
  command(line: string): Promise<void>;
  /** Requests to the cloud so far, for tokens too. */
  requests(): number;
  view(user: string): string;
  /** What was shown of the user in the seconds that pass. */
  shownDuring(user: string, seconds: number): Promise<ReadonlySet<string>>;
}

/** What may differ. */
export interface Office365Options {
  readonly graph?: Partial<GraphOptions>;
  readonly whole?: WholeGatewayOptions;
}

/** Starts everything; `whole.close()` ends it. */
export async function startOffice365Gateway({ graph, whole: more }: Office365Options = {}): Promise<Office365Gateway> {
  // Loaded with the first token otherwise, which takes real time.
  await import("@azure/msal-node");
  const application: Application = {
    client: CLIENT,
    secret: SECRET,
    roles: ["Calendars.Read", "MailboxSettings.Read"],
  };
  const webhooks = new DirectWebhooks();
  const memories = new Map<string, TestMemory>();
  let time: ExchangeClock | undefined;
  const timeOf = (): ExchangeClock => {
    if (!time) throw new Error("the gateway has not started");
    return time;
  };
  const cloud = new MicrosoftCloud({
    tenant: { id: TENANT, domain: "example.onmicrosoft.com", applications: [application] },
    clock: {
      now: () => timeOf().now() + site.skew,
      setTimeout: (action, length) => timeOf().setTimeout(action, length),
    },
    latency: () => TIMES.request,
    deliveryDelay: TIMES.delivery,
    post: webhooks.post,
  });
  const whole = await startWholeGateway({
    ...more,
    createCalendar(server, secrets, context) {
      if (server.type !== "office365") return more?.createCalendar?.(server, secrets, context);
      const memory = memories.get(server.name) ?? new TestMemory();
      memories.set(server.name, memory);
      const credential = { secret: secrets["secret"] ?? "" };
      const options = graphOptions({ credential, mailboxSettings: "off", ...graph });
      const given = { ...context, listener: webhooks, memory };
      return new GraphCalendarSource(options, given, () => new CloudWebClient(cloud, context.runtime.clock));
    },
  });
  const { clock } = whole.runtime;
  // Its timers do not follow the wall clock when that is set.
  time = {
    now: () => clock.now(),
    setTimeout: (action, length) => {
      const ended = new AbortController();
      clock.sleep(milliseconds(length), ended.signal).then(action, () => undefined);
      return () => ended.abort();
    },
  };
  const told: string[] = [];
  whole.xmpp.intercept = (stanza) => {
    const [body] = stanza.children.filter((each) => typeof each === "object" && each.name === "body");
    if (stanza.name === "message" && stanza.attributes["to"]?.startsWith(ADMIN) && typeof body === "object")
      told.push(textOf(body));
    return undefined;
  };
  const site: Office365Gateway = {
    whole,
    cloud,
    application,
    webhooks,
    told,
    skew: 0,
    async enable(users, gateway = "cloud") {
      for (const user of users) {
        const jid = `${user}@${DOMAIN}`;
        if (!cloud.findMailbox(jid)) cloud.addMailbox(jid);
        const names = { presentity: parsePresentityId(jid), mailbox: parseMailbox(jid) };
        await whole.store.registry.replaceUser({ ...names, gateway, locale: "en", isEnabled: true });
        whole.xmpp.online(user);
      }
      await whole.pass(10);
    },
    meet(user, from, to) {
      const mailbox = cloud.findMailbox(`${user}@${DOMAIN}`);
      if (!mailbox) throw new Error(`${user} has no mailbox in the cloud`);
      const now = clock.now();
      const meeting: CloudMeeting = { start: now + from * MINUTE, end: now + to * MINUTE, status: "busy" };
      mailbox.addMeeting(meeting);
      return () => mailbox.removeMeeting(meeting);
    },
    async addTenant(secret = SECRET) {
      const server = { name: "cloud", type: "office365", options: {}, isEnabled: true };
      await whole.store.registry.replaceCalendarServer(server, { secret });
      await whole.pass(5);
    },
    async command(line) {
      whole.xmpp.say(`${ADMIN}/pc`, line);
      await whole.pass(2);
    },
    requests: () => cloud.requestCount + cloud.tokenRequests,
    view: (user) => whole.xmpp.view(user),
    async shownDuring(user, seconds) {
      const shown = new Set([whole.xmpp.view(user)]);
      for (let second = 0; second < seconds; second++) {
        await whole.pass(1);
        shown.add(whole.xmpp.view(user));
      }
      return shown;
    },
  };
  await site.addTenant();
  return site;
}
