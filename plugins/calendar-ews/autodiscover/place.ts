/** Where a mailbox is, as Autodiscover tells it. */
export interface Place {
  /** ExternalEwsUrl, else InternalEwsUrl: where notifications are asked for. */
  readonly url: URL;
  /** GroupingInformation; empty where the server tells none (2010 and older). Mailboxes of one value share subscriptions' affinity. */
  readonly grouping: string;
}

/** What an Autodiscover server says of one address. */
export type PlaceAnswer =
  | { readonly kind: "place"; readonly place: Place }
  /** Ask again for this address. */
  | { readonly kind: "redirect-address"; readonly address: string }
  /** Ask there; nobody has checked the URL. */
  | { readonly kind: "redirect-url"; readonly url: string }
  /** The server knows no place, and why in its words. */
  | { readonly kind: "unknown"; readonly why: string };

// Longer ones are not believed: the texts are kept for every mailbox, and are keys.
const LONGEST_URL = 2048;
const LONGEST_GROUPING = 256;

/** Settings by name, as answers carry them, to a place; undefined when no EWS address is among them. */
export function placeOf(settings: ReadonlyMap<string, string>): Place | undefined {
  const grouping = settings.get("GroupingInformation") ?? "";
  for (const name of ["ExternalEwsUrl", "InternalEwsUrl"]) {
    const url = parseUrl(settings.get(name) ?? "");
    if (url) return { url, grouping: grouping.slice(0, LONGEST_GROUPING) };
  }
  return undefined;
}

function parseUrl(text: string): URL | undefined {
  if (text.length > LONGEST_URL || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === "https:" || url.protocol === "http:" ? url : undefined;
}

/** The same text for two URLs that lead to one endpoint: IIS compares paths without case. */
export const endpointKey = (url: URL): string => `${url.origin}${url.pathname.toLowerCase()}`;

/** The same text for mailboxes that are best watched together. */
export const placeKey = ({ url, grouping }: Place): string => `${endpointKey(url)} ${grouping}`.trim();
