/** Where the services of one of Microsoft's clouds are; a token of one is worth nothing in another. */
export interface NationalCloud {
  /** Origin of the token authority (Microsoft Entra ID). */
  readonly authority: URL;
  /** Origin of Microsoft Graph. */
  readonly graph: URL;
  /** Origin of Exchange Web Services; `undefined` where Microsoft's documents do not name it. */
  readonly ews: URL | undefined;
}

/** The clouds by the name that administrators give; the one for Germany is closed. */
export const CLOUD_NAMES = ["global", "usgov", "usgov-dod", "china"] as const;

/** A cloud's name: `usgov` is GCC High (L4), `usgov-dod` L5, `china` is run by 21Vianet; GCC is `global`. */
export type CloudName = (typeof CLOUD_NAMES)[number];

// https://learn.microsoft.com/graph/deployments
const HOSTS = {
  global: ["login.microsoftonline.com", "graph.microsoft.com", "outlook.office365.com"],
  usgov: ["login.microsoftonline.us", "graph.microsoft.us", "outlook.office365.us"],
  "usgov-dod": ["login.microsoftonline.us", "dod-graph.microsoft.us", undefined],
  china: ["login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn", "partner.outlook.cn"],
} as const satisfies Readonly<Record<CloudName, readonly [string, string, string | undefined]>>;

/** The services of a cloud. */
export function nationalCloud(name: CloudName): NationalCloud {
  const [authority, graph, ews] = HOSTS[name];
  return {
    authority: new URL(`https://${authority}`),
    graph: new URL(`https://${graph}`),
    ews: ews === undefined ? undefined : new URL(`https://${ews}`),
  };
}
