import { describe } from "vitest";
import { describeActivityGuard } from "../server-module/guard-activity.ts";

describe("[R1] [R2] [K6] the guard of activities on a real Prosody", () => describeActivityGuard("prosody"));
