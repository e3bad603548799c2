import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { systemClock } from "../doubles/exchange/clock.ts";
import type { CloudMeeting } from "../doubles/microsoft/cloud-mailbox.ts";
import type { Application } from "../doubles/microsoft/entra.ts";
import { type CloudFront, startCloudFront } from "../doubles/microsoft/https-front.ts";
import { MicrosoftCloud } from "../doubles/microsoft/microsoft-cloud.ts";
import { postBySocket } from "../doubles/microsoft/notification-delivery.ts";
import type { TlsAuthority } from "../doubles/tls-authority.ts";
import { findFreePort } from "./free-ports.ts";

const DOMAIN = "branch.test";
const TENANT = { id: "aaaaaaaa-0000-4000-8000-00000000000a", domain: `${DOMAIN.split(".", 1)[0]}.onmicrosoft.com` };
const CLIENT = "cccccccc-0000-4000-8000-00000000000c";
const SECRET = "simulated cloud only";
const SECRET_FILE = "office365-secret";
const CA_FILE = "office365-ca.pem";
const LOOPBACK = "127.0.0.1";
const PATIENCE = 20_000;
const DELIVERY_DELAY = 500; // Microsoft does not say how long the real one takes

/** A company on Office 365, on this machine: tokens, calendars, and notifications to the gateway's webhook. */
export interface Office365Company {
  readonly domain: string;
  /** The registered application, which may be given other credentials. */
  readonly application: Application;
  /** What the gateway's configuration says in `[notifications]`. */
  readonly notifications: Readonly<Record<string, string>>;
  /** The options by which the gateway is told of it, for `gateway add`. */
  readonly options: string;
  /** Resolves when the gateway is told of so many mailboxes' changes. */
  untilWatched(count: number): Promise<void>;
  /** Books the meeting and tells whoever has subscribed; the returned function deletes it, and tells of that. */
  book(user: string, meeting: CloudMeeting): () => void;
  stop(): Promise<void>;
}

/** Starts the cloud with these users' mailboxes; what the gateway needs is written into the directory. */
export async function startOffice365(
  directory: string,
  authority: TlsAuthority,
  users: readonly string[],
): Promise<Office365Company> {
  const application: Application = { client: CLIENT, secret: SECRET, roles: ["Calendars.Read"] };
  const cloud = new MicrosoftCloud({
    tenant: { ...TENANT, applications: [application] },
    clock: systemClock(),
    post: postBySocket(authority.caPem),
    deliveryDelay: DELIVERY_DELAY,
  });
  for (const user of users) cloud.addMailbox(`${user}@${DOMAIN}`);
  const front = await startCloudFront(cloud, authority);
  const { all: subscriptions } = cloud.subscriptions;
  return {
    domain: DOMAIN,
    application,
    notifications: await writeFiles(directory, authority),
    options: optionsOf(front, directory),
    untilWatched: (count) => until(() => subscriptions.size === count, `${count} subscriptions at Office 365`),
    book(user, meeting) {
      const mailbox = cloud.findMailbox(`${user}@${DOMAIN}`);
      if (!mailbox) throw new Error(`${user} has no mailbox`);
      mailbox.addMeeting(meeting);
      return () => mailbox.removeMeeting(meeting);
    },
    stop: () => front.stop(),
  };
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`there were never ${what}`);
    await pause(50);
  }
}

async function writeFiles(directory: string, authority: TlsAuthority): Promise<Readonly<Record<string, string>>> {
  const { cert, key } = authority.issue({ names: [LOOPBACK] });
  writeFileSync(join(directory, "webhook.pem"), cert);
  writeFileSync(join(directory, "webhook.key"), key, { mode: 0o600 });
  writeFileSync(join(directory, CA_FILE), authority.caPem);
  writeFileSync(join(directory, SECRET_FILE), `${SECRET}\n`, { mode: 0o600 });
  return {
    listen: LOOPBACK,
    address: LOOPBACK,
    "webhook-listen": `${LOOPBACK}:${await findFreePort()}`,
    certificate: "webhook.pem",
    key: "webhook.key",
  };
}

const optionsOf = ({ url }: CloudFront, directory: string): string =>
  [
    `type=office365 tenant=${TENANT.domain} client=${CLIENT} secret=@${SECRET_FILE}`,
    `login-url=${url} graph-url=${url} ca=${join(directory, CA_FILE)}`,
  ].join(" ");
