(** The inverse of a function with a positive continuous derivative.

    Proves no registry theorem by itself; the solution that realises the exact
    blow-up time is such an inverse. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution.
Open Scope R_scope.

Section Inverse.
Variables G g : R -> R.
Hypothesis derive_G : forall v, is_derive G v (g v).
Hypothesis g_pos : forall v, 0 < g v.
Hypothesis g_cont : forall v, continuous g v.

(** Mean value theorem for G, in either order of the end points. *)
Lemma G_mean v w : exists c, Rmin v w <= c <= Rmax v w /\ G w - G v = g c * (w - v).
Proof.
  destruct (MVT_gen G v w g) as (c & Hc & E).
  - intros c _. apply derive_G.
  - intros c _. apply derivable_continuous_pt. exists (g c). apply is_derive_Reals, derive_G.
  - now exists c.
Qed.

Lemma G_increasing v w : v < w -> G v < G w.
Proof.
  intros H. destruct (G_mean v w) as (c & _ & E). pose proof (g_pos c). nra.
Qed.

Lemma G_reflects v w : G v < G w -> v < w.
Proof.
  intros H. destruct (Rtotal_order v w) as [|[->|Q]]; [assumption|lra|].
  pose proof (G_increasing w v Q). lra.
Qed.

(** Values between two values are taken in between. *)
Lemma G_onto u w t : G u <= t <= G w -> exists v, u <= v <= w /\ G v = t.
Proof.
  intros H. destruct (Req_dec t (G u)) as [->|Nu].
  - exists u. split; [|reflexivity]. split; [lra|].
    destruct (Rle_lt_dec u w) as [|Q]; [assumption|]. pose proof (G_increasing w u Q). lra.
  - destruct (Req_dec t (G w)) as [->|Nw].
    + exists w. split; [|reflexivity]. split; [|lra].
      destruct (Rle_lt_dec u w) as [|Q]; [assumption|]. pose proof (G_increasing w u Q). lra.
    + assert (Huw : u < w) by (apply G_reflects; lra).
      destruct (IVT_interv (fun v => G v - t) u w) as (v & Hv & E).
      * intros c _. apply (continuity_pt_minus G (fun _ => t)).
        -- apply derivable_continuous_pt. exists (g c). apply is_derive_Reals, derive_G.
        -- apply continuity_pt_const. intros ? ?; reflexivity.
      * exact Huw.
      * lra.
      * lra.
      * exists v. split; [exact Hv|lra].
Qed.

Definition inverse (t : R) : R := real (Lub_Rbar (fun v => G v <= t)).

Lemma inverse_G v : inverse (G v) = v.
Proof.
  unfold inverse. rewrite (is_lub_Rbar_unique _ (Finite v)); [reflexivity|]. split.
  - intros w Hw. simpl. destruct (Rle_lt_dec w v) as [|Q]; [assumption|].
    pose proof (G_increasing v w Q). lra.
  - intros u Hu. apply (Hu v). lra.
Qed.

Lemma inverse_derive v : is_derive inverse (G v) (/ g v).
Proof.
  apply is_derive_Reals. intros eps He.
  assert (Ci : continuous (fun c => / g c) v).
  { apply (continuous_comp g Rinv); [apply g_cont|].
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) Rinv (g v)).
    auto_derive. pose proof (g_pos v). lra. }
  apply continuity_pt_filterlim in Ci. destruct (Ci eps He) as (d0 & Hd0 & Near).
  set (d := d0 / 2). assert (Hd : 0 < d < d0) by (unfold d; lra).
  pose proof (G_increasing (v - d) v ltac:(lra)) as L1.
  pose proof (G_increasing v (v + d) ltac:(lra)) as L2.
  set (del := Rmin (G v - G (v - d)) (G (v + d) - G v)).
  assert (Hdel : 0 < del) by (apply Rmin_glb_lt; lra).
  exists (mkposreal del Hdel). intros h Nh Hh. simpl in Hh.
  pose proof (Rmin_l (G v - G (v - d)) (G (v + d) - G v)).
  pose proof (Rmin_r (G v - G (v - d)) (G (v + d) - G v)). fold del in H, H0.
  apply Rabs_def2 in Hh.
  destruct (G_onto (v - d) (v + d) (G v + h)) as (w & Hw & Ew); [lra|].
  rewrite <- Ew, !inverse_G.
  destruct (G_mean v w) as (c & Hc & Em).
  assert (Eh : h = g c * (w - v)) by lra. pose proof (g_pos c) as Pc.
  assert (Nw : w - v <> 0) by (intros Z; apply Nh; rewrite Eh, Z; ring).
  replace ((w - v) / h) with (/ g c) by (rewrite Eh; field; lra).
  destruct (Req_dec c v) as [->|Ncv].
  - replace (/ g v - / g v) with 0 by ring. rewrite Rabs_R0. exact He.
  - apply (Near c). split; [split; [exact I|lra]|].
    simpl. unfold R_dist. unfold Rmin, Rmax in Hc. destruct (Rle_dec v w); apply Rabs_def1; lra.
Qed.
End Inverse.
