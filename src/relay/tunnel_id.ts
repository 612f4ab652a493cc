/** Form of a tunnel id as the hosted control plane gives them out (P-5). */
export const TUNNEL_ID = /^tunnel_[a-z0-9]{32}$/;
