import { describeLife } from "./throttled-life.ts";

// All requests are charged to the account, which may have ten at a time.
// [H1] [H2] [H3] [H4] [H5] [H6] [H7] [H8] [H9] [K9] [K10]: the names of its tests.
describeLife({ name: "Exchange 2010 SP3", version: "exchange2010sp3", users: 15_000, mostAtOnce: 9 });
