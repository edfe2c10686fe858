// Improvements for pages that already work without them: keys, filters that apply at once, a cursor on charts,
// passkeys.
import "./bedside";
import "./cart";
import "./chart-cursor";
import "./countdown";
import "./filter";
import "./follow";
import "./keys";
import "./menu";
import "./newborn-visit";
import "./nurse-view";
import "./passkey";
import "./rail";

// Only the page on which files are sent loads what reads them.
if (document.querySelector("[data-part=sending]")) void import("./delivery");
