import { Component, type ReactNode } from "react";
import controls from "../design/controls.module.css";
import styles from "./shell.module.css";

/** What is there in place of an app that broke: a word, and a way on. What was typed is kept as a draft. */
export class Broken extends Component<{ readonly children: ReactNode }, { readonly isBroken: boolean }> {
  override state = { isBroken: false };

  static getDerivedStateFromError(): { readonly isBroken: boolean } {
    return { isBroken: true };
  }

  override render(): ReactNode {
    if (!this.state.isBroken) return this.props.children;
    return (
      <main className={styles.starting} role="alert">
        <p>Something went wrong in this page. What you have written is kept.</p>
        <button
          type="button"
          className={`${controls.button} ${controls.primary}`}
          onClick={() => location.assign("/")}
        >
          Load it again
        </button>
      </main>
    );
  }
}
