/** One message that was sent from this page. */
export interface Sent {
  readonly via: string;
  readonly text: string;
  readonly sender: string;
  /** Of `performance.now()`. */
  readonly at: number;
}

/** Knows of each message which pane sent it and when, so that every pane can say how long it was under way. */
export interface Ledger {
  note(sent: Sent): void;
  /** The sending that a stored message came of; null where another page sent it. */
  find(heard: { readonly seq: number; readonly sender: string; readonly text: string }): Sent | null;
}

export function createLedger(): Ledger {
  const open: Sent[] = [];
  const bySeq = new Map<number, Sent>();
  return {
    note: (sent) => void open.push(sent),
    find({ seq, sender, text }) {
      const known = bySeq.get(seq);
      if (known !== undefined) return known;
      const at = open.findIndex((sent) => sent.text === text && sent.sender === sender);
      if (at === -1) return null;
      const [sent] = open.splice(at, 1) as [Sent];
      bySeq.set(seq, sent);
      return sent;
    },
  };
}
