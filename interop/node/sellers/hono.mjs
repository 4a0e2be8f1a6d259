// A shop on Hono with @x402/hono; its facilitator is the sidecar.
import { serve } from "@hono/node-server";
import { paymentMiddleware } from "@x402/hono";
import { Hono } from "hono";
import { listening } from "../lines.mjs";
import { routes, server } from "./offer.mjs";

const app = new Hono();
app.use(paymentMiddleware(routes, server));
app.get("/report/:id", (context) => context.text(`report ${context.req.param("id")}`));
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => listening(port));
