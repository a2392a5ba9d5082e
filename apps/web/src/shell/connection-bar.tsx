import { useClient, useConnection } from "@parlance/client/react";
import { useEffect, useState } from "react";
import controls from "../design/controls.module.css";
import { Icon } from "../design/icon.tsx";
import styles from "./shell.module.css";

/** What lasts shorter is not worth a word. */
const QUIET_MS = 1_200;

/** Says how things stand where there is no connection; nothing where there is. */
export function ConnectionBar() {
  const client = useClient();
  const { status, retryAt, queued, reason } = useConnection();
  const [isOld, setOld] = useState(false);
  const [now, setNow] = useState(Date.now);
  const isAway = status !== "live";

  useEffect(() => {
    setOld(false);
    if (!isAway) return;
    const timer = setTimeout(() => setOld(true), QUIET_MS);
    const clock = setInterval(() => setNow(Date.now()), 1_000);
    return () => {
      clearTimeout(timer);
      clearInterval(clock);
    };
  }, [isAway]);

  if (!isAway || !isOld) return <div role="status" className="visually-hidden" />;
  const seconds = retryAt === null ? null : Math.max(1, Math.ceil((retryAt - now) / 1_000));
  return (
    <div className={styles.connection} role="status">
      <Icon name="warn" size={18} />
      <span>
        {status === "ended"
          ? `The server has ended the connection${reason === null ? "" : `: ${reason.message || reason.code}`}.`
          : "No connection."}
        {queued > 0
          ? ` ${queued === 1 ? "One message waits" : `${queued} messages wait`} and will be sent when it is back.`
          : " You can go on reading and writing; what you send goes out when it is back."}
      </span>
      {(status === "waiting" || status === "ended") && (
        <button
          type="button"
          className={`${controls.button} ${controls.small}`}
          onClick={() => client.start()}
        >
          {seconds === null || status === "ended" ? "Try now" : `Try now (${seconds} s)`}
        </button>
      )}
    </div>
  );
}
