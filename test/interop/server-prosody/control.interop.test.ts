import { describe } from "vitest";
import { describeControl } from "../server-module/control.ts";

describe("on a real Prosody", () => describeControl("prosody"));
