import { z } from "zod";
import type { CloudMailbox } from "./cloud-mailbox.ts";
import { CloudSubscriptions, type SubscriptionsOptions } from "./subscriptions.ts";
import { type GraphRoute, graphError } from "./wire.ts";

const ROLES = ["Calendars.Read", "Calendars.ReadWrite"];
const resourceOf = z.object({ resource: z.string() });

/** The requests about subscriptions as operations of Graph. */
export function subscriptionRoutes(subscriptions: CloudSubscriptions): readonly GraphRoute[] {
  const route = (method: string, path: RegExp): GraphRoute => ({
    name: `${method} subscriptions`,
    method,
    path,
    roles: ROLES,
    payer: (json) => resourceOf.safeParse(json).data?.resource.toLowerCase() ?? "",
    async answer({ request: { url }, json }) {
      const path = `${url.pathname.replace(/^\/v1\.0/, "")}${url.search}`;
      return (await subscriptions.handle(method, path, json)) ?? graphError(400, "BadRequest");
    },
  });
  const one = /^\/subscriptions\/([^/]+)$/;
  return [
    route("GET", /^\/subscriptions$/),
    route("POST", /^\/subscriptions$/),
    ...["GET", "PATCH", "DELETE"].map((method) => route(method, one)),
    route("POST", /^\/subscriptions\/([^/]+)\/reauthorize$/),
  ];
}

/** Subscriptions to the mailboxes of a cloud. */
export const subscriptionsTo = (
  findMailbox: (smtp: string) => CloudMailbox | undefined,
  options: Omit<SubscriptionsOptions, "access">,
): CloudSubscriptions =>
  new CloudSubscriptions({
    ...options,
    access: (smtp) => {
      const mailbox = findMailbox(smtp);
      if (!mailbox?.isLicensed) return "not-found";
      return mailbox.access === "allowed" ? "granted" : "denied";
    },
  });
