/**
 * What the server tells besides prices: how the feed is (`/topic/feed.status`), and how this connection is
 * (`/user/queue/session`). Text becomes types here and nowhere else.
 */

import { count } from "./format";

export type FeedHealth = "live" | "stale" | "lagging" | "recovered" | "draining";

export interface FeedStatus {
  health: FeedHealth;
  /** When the feed's last tick had come to the server, by its clock, milliseconds; `null` when it has none. */
  lastTickMs: number | null;
  /** How many records the server had still to read; `null` when it doesn't know. */
  lagRecords: number | null;
}

export type SessionHealth = "live" | "conflated" | "recovered" | "draining";

export interface SessionStatus {
  health: SessionHealth;
  /** How many updates a second of each symbol get through; `null` when that isn't told. */
  updatesPerS: number | null;
}

const FEED_HEALTHS: readonly FeedHealth[] = ["live", "stale", "lagging", "recovered", "draining"];
const SESSION_HEALTHS: readonly SessionHealth[] = ["live", "conflated", "recovered", "draining"];

/** The status that a body tells, or `null` when it's none that this page understands. */
export function parseFeedStatus(body: string): FeedStatus | null {
  const record = parseRecord(body);
  const health = FEED_HEALTHS.find((known) => known === record["status"]);
  if (health === undefined) return null;
  const lastTickUs = toNumber(record["last_tick_us"]);
  return {
    health,
    lastTickMs: lastTickUs === null ? null : lastTickUs / 1000,
    lagRecords: toNumber(record["lag_records"]),
  };
}

/** As `parseFeedStatus`, of the connection. */
export function parseSessionStatus(body: string): SessionStatus | null {
  const record = parseRecord(body);
  const health = SESSION_HEALTHS.find((known) => known === record["status"]);
  return health === undefined ? null : { health, updatesPerS: toNumber(record["effective_rate"]) };
}

/** What a banner says: in bold, and beside it what follows from it. */
export interface Banner {
  tone: "warning" | "good";
  text: string;
  detail: string;
  /** Since when it's been so quiet, for the clock beside the detail; `null` when nothing is counted. */
  quietSinceMs: number | null;
}

/**
 * What to say of a feed, or `null` when there is nothing to say. That it has recovered is news only to somebody who
 * saw that something was wrong.
 */
export function bannerOf(status: FeedStatus, sawTrouble: boolean): Banner | null {
  switch (status.health) {
    case "live":
      return null;
    case "stale":
      return {
        tone: "warning",
        text: "The feed is silent.",
        detail: "These prices are the last known.",
        quietSinceMs: status.lastTickMs,
      };
    case "lagging": {
      const behind = status.lagRecords === null ? "" : ` by ${count(status.lagRecords)} records`;
      return {
        tone: "warning",
        text: "Prices are late.",
        detail: `The server is behind the feed${behind}.`,
        quietSinceMs: null,
      };
    }
    case "recovered":
      return sawTrouble ? { tone: "good", text: "The feed has recovered.", detail: "", quietSinceMs: null } : null;
    case "draining":
      return {
        tone: "warning",
        text: "The server is shutting down.",
        detail: "This page will connect again by itself.",
        quietSinceMs: null,
      };
  }
}

/** What to say of the connection beside its state; nothing when all is well. */
export function connectionText(status: SessionStatus): string {
  if (status.health !== "conflated") return "";
  if (status.updatesPerS === null) return "slow connection";
  return `slow connection: about ${rate(status.updatesPerS)} updates a second`;
}

/** Two digits: 0.083, 0.8, 12. */
function rate(perS: number): string {
  return String(Number(perS.toPrecision(2)));
}

function parseRecord(body: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function toNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
