import { describe } from "vitest";
import { describeActivityGuard } from "../server-module/guard-activity.ts";

describe("on a real Prosody", () => describeActivityGuard("prosody"));
