/** The columns of the watch-list, in order. The style sheet drops some by `id` where width is short. */

import type { SortKey } from "../sort";

export interface Column {
  id: string;
  label: string;
  title: string;
  sort: SortKey | null;
  align: "left" | "right" | "center";
}

export const COLUMNS: readonly Column[] = [
  { id: "symbol", label: "Symbol", title: "Symbol", sort: "symbol", align: "left" },
  { id: "name", label: "Company", title: "Name, where the server's symbol list tells one", sort: "name", align: "left" },
  { id: "last", label: "Last", title: "Price of the last trade", sort: "last", align: "right" },
  { id: "change", label: "Chg", title: "Change against the day's open", sort: "change", align: "right" },
  { id: "percent", label: "Chg %", title: "Change against the day's open, per cent", sort: "percent", align: "right" },
  { id: "bidsize", label: "Bid sz", title: "Size at the bid", sort: null, align: "right" },
  { id: "bid", label: "Bid", title: "Best bid", sort: "bid", align: "right" },
  { id: "ask", label: "Ask", title: "Best ask", sort: "ask", align: "right" },
  { id: "asksize", label: "Ask sz", title: "Size at the ask", sort: null, align: "right" },
  { id: "spread", label: "Spread", title: "Ask less bid", sort: "spread", align: "right" },
  { id: "range", label: "Day's range", title: "The day's low and high, and where the last price stands", sort: null, align: "center" },
  { id: "volume", label: "Volume", title: "Volume of the day", sort: "volume", align: "right" },
  { id: "spark", label: "2 min", title: "Price over the last two minutes", sort: null, align: "center" },
  { id: "age", label: "Age", title: "Time since the last update", sort: "age", align: "right" },
  { id: "remove", label: "", title: "Remove", sort: null, align: "right" },
];
