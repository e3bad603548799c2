import { EwsFault } from "./soap.ts";

/** The releases of Exchange that can be played. */
export type ExchangeVersion =
  | "exchange2007sp1"
  | "exchange2010sp1"
  | "exchange2010sp2"
  | "exchange2010sp3"
  | "exchange2013sp1"
  | "exchange2016"
  | "exchange2019"
  | "exchangeSe";

interface Release {
  readonly info: readonly [major: number, minor: number, majorBuild: number, minorBuild: number, version: string];
  readonly newestRequest: RequestVersion;
}

// ExchangeVersionType of types.xsd, oldest first: the order is what "or later" means.
const REQUEST_VERSIONS = [
  "Exchange2007",
  "Exchange2007_SP1",
  "Exchange2010",
  "Exchange2010_SP1",
  "Exchange2010_SP2",
  "Exchange2013",
  "Exchange2013_SP1",
  "Exchange2015",
  "Exchange2016",
  "V2015_10_05",
  "V2016_01_06",
  "V2016_04_13",
  "V2016_07_13",
  "V2016_10_10",
  "V2017_01_07",
  "V2017_04_14",
  "V2017_07_11",
] as const;

/** A schema version a client may ask for (t:RequestServerVersion). */
export type RequestVersion = (typeof REQUEST_VERSIONS)[number];

// Builds and Version strings as real servers report them; 2016, 2019 and SE all say V2017_07_11.
const RELEASES: Readonly<Record<ExchangeVersion, Release>> = {
  exchange2007sp1: { info: [8, 1, 436, 0, "Exchange2007_SP1"], newestRequest: "Exchange2007_SP1" },
  exchange2010sp1: { info: [14, 1, 218, 11, "Exchange2010_SP1"], newestRequest: "Exchange2010_SP1" },
  exchange2010sp2: { info: [14, 2, 247, 1, "Exchange2010_SP2"], newestRequest: "Exchange2010_SP2" },
  exchange2010sp3: { info: [14, 3, 123, 4, "Exchange2010_SP2"], newestRequest: "Exchange2010_SP2" },
  exchange2013sp1: { info: [15, 0, 847, 31, "V2_8"], newestRequest: "Exchange2013_SP1" },
  exchange2016: { info: [15, 1, 2507, 6, "V2017_07_11"], newestRequest: "V2017_07_11" },
  exchange2019: { info: [15, 2, 1544, 4, "V2017_07_11"], newestRequest: "V2017_07_11" },
  exchangeSe: { info: [15, 2, 2562, 17, "V2017_07_11"], newestRequest: "V2017_07_11" },
};

/** The attributes of ServerVersionInfo, as in each answer's SOAP header. */
export function encodeVersionInfo(version: ExchangeVersion): string {
  const [major, minor, majorBuild, minorBuild, name] = RELEASES[version].info;
  return `MajorVersion="${major}" MinorVersion="${minor}" MajorBuildNumber="${majorBuild}" MinorBuildNumber="${minorBuild}" Version="${name}"`;
}

/** The version a request asks for; one that this server does not know is ErrorInvalidServerVersion. */
export function parseRequestVersion(name: string | undefined, server: ExchangeVersion): RequestVersion {
  // RequestServerVersion, remarks: a request that names no version targets the first release of Exchange 2007.
  const wanted = REQUEST_VERSIONS.find((known) => known === (name ?? "Exchange2007"));
  if (wanted === undefined || !isAtLeast(RELEASES[server].newestRequest, wanted)) {
    // 2007 knows the versions of its schema only, and the schema is looked at first.
    if (isExchange2007(server)) throw notInSchema(`'Version' attribute is invalid - The value '${name}'`);
    throw new EwsFault("ErrorInvalidServerVersion", "The specified server version is invalid.");
  }
  return wanted;
}

/** Whether `version` is `bound` or later. */
export function isAtLeast(version: RequestVersion, bound: RequestVersion): boolean {
  return REQUEST_VERSIONS.indexOf(version) >= REQUEST_VERSIONS.indexOf(bound);
}

/** Whether the server is Exchange 2010 or older: budgets are charged to the calling account, no back ends. */
export function isExchange2010(version: ExchangeVersion): boolean {
  return RELEASES[version].info[0] <= 14;
}

/** Whether the server is Exchange 2007. */
export function isExchange2007(version: ExchangeVersion): boolean {
  return RELEASES[version].info[0] === 8;
}

function notInSchema(what: string): EwsFault {
  const type = "http://schemas.microsoft.com/exchange/services/2006/types:ExchangeVersionType";
  return new EwsFault(
    "ErrorSchemaValidation",
    `The request failed schema validation: The ${what} is invalid according to its datatype '${type}' - The Enumeration constraint failed.`,
  );
}
