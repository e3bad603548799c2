import { describeLife } from "./throttled-life.ts";

// All requests are charged to the account, which may have ten at a time.
describeLife({ name: "Exchange 2010 SP3", version: "exchange2010sp3", users: 15_000, mostAtOnce: 9 });
