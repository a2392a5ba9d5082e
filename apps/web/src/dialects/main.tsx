import "../design/base.css";
import { createRoot } from "react-dom/client";
import { DialectsPage } from "./page.tsx";

createRoot(document.getElementById("root") as HTMLElement).render(<DialectsPage />);
