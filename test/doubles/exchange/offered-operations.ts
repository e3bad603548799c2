import { getUserAvailability } from "./availability.ts";
import { convertId, resolveNames } from "./operations/directory.ts";
import { createItem, deleteItem, getItem, updateItem } from "./operations/edit-items.ts";
import { findFolders, getFolder } from "./operations/folders.ts";
import { findItems, syncFolderItems } from "./operations/list-items.ts";
import { getUserOofSettings, setUserOofSettings } from "./operations/oof.ts";
import { getServerTimeZones } from "./operations/server-time-zones.ts";
import { getEvents } from "./pull.ts";
import type { Answer, Call, Site } from "./site.ts";
import { type SubscriptionContext, subscribe, unsubscribe } from "./subscribe.ts";

/** The operations that are answered in one piece, by name. */
export function offeredOperations(context: SubscriptionContext): ReadonlyMap<string, (call: Call) => Answer> {
  const onSite = (operation: (call: Call, site: Site) => Answer) => (call: Call) => operation(call, context.site);
  return new Map([
    ["GetUserAvailability", onSite(getUserAvailability)],
    ["Subscribe", (call: Call) => subscribe(call, context)],
    ["Unsubscribe", (call: Call) => unsubscribe(call, context)],
    ["GetEvents", (call: Call) => getEvents(call, context.subscriptions, context.site.clock.now())],
    ["GetFolder", onSite(getFolder)],
    ["FindFolder", onSite(findFolders)],
    ["FindItem", onSite(findItems)],
    ["SyncFolderItems", onSite(syncFolderItems)],
    ["GetItem", onSite(getItem)],
    ["CreateItem", onSite(createItem)],
    ["UpdateItem", onSite(updateItem)],
    ["DeleteItem", onSite(deleteItem)],
    ["ResolveNames", onSite(resolveNames)],
    ["ConvertId", convertId],
    ["GetUserOofSettings", onSite(getUserOofSettings)],
    ["SetUserOofSettings", onSite(setUserOofSettings)],
    ["GetServerTimeZones", getServerTimeZones],
  ]);
}
