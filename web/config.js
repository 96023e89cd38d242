// The one file a deploy writes anew: where the API lives. Empty: on the origin this page came from.
export const API_BASE = "";
