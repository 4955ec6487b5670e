(** Behind a norm with a floor every start has a solution for all times, whatever the mu_n.

    The field is the bare flow's, read at normalised tokens. The norm with a floor is Lipschitz and its values are
    bounded, so the field is Lipschitz on boxes and bounded: a token moves at most linearly and its flow never ends.

    Proves prenorm-ball-existence, of prenorm-eps. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Softplus.
From S6Flow Require Import LipschitzField FieldFlow FieldMaximal Uniqueness PrenormBall.
Open Scope R_scope.

(** ** The norm with a floor is Lipschitz *)
Section Norm.
Variables (radius ball : R).
Hypothesis Hr : 0 < radius.
Hypothesis Hb : 0 < ball.
Notation n := (ball_normalised radius ball).
Notation root y := (sqrt (ball ^ 2 + y ^ 2)).

Lemma ball_slope y : is_derive n y (radius * ball ^ 2 / root y ^ 3).
Proof.
  pose proof (root_pos ball Hb y) as P. pose proof (pow_lt ball 2 Hb) as B. pose proof (pow2_ge_0 y) as Q.
  assert (E : root y ^ 2 = ball ^ 2 + y ^ 2) by (apply pow2_sqrt; lra).
  unfold ball_normalised. auto_derive.
  - split; [simpl in *; lra|]. split; [simpl in *; lra|exact I].
  - replace (ball * (ball * 1) + y * (y * 1)) with (ball ^ 2 + y ^ 2) by ring. set (w := root y) in *.
    replace (ball ^ 2) with (w ^ 2 - y ^ 2) by lra. field. lra.
Qed.

Lemma ball_lipschitz u v : Rabs (n u - n v) <= radius / ball * Rabs (u - v).
Proof.
  destruct (MVT_gen n v u (fun y => radius * ball ^ 2 / root y ^ 3)) as (c & _ & E).
  - intros y _. apply ball_slope.
  - intros y _. apply derivable_continuous_pt. eexists. apply is_derive_Reals, ball_slope.
  - rewrite E, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
    pose proof (root_pos ball Hb c) as P. pose proof (pow_lt ball 2 Hb) as B.
    rewrite Rabs_pos_eq by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|left; apply Rinv_0_lt_compat, pow_lt, P]).
    assert (W : ball <= root c).
    { rewrite <- (sqrt_pow2 ball) at 1 by lra. apply sqrt_le_1_alt. pose proof (pow2_ge_0 c). lra. }
    replace (radius / ball) with (radius * ball ^ 2 * / ball ^ 3) by (field; lra).
    apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|]. apply Rinv_le_contravar; [now apply pow_lt|].
    apply pow_incr. lra.
Qed.
End Norm.

(** ** A field that is read at normalised tokens *)
Section Field.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (radius ball : R) (L : nat).
Hypothesis Hr : 0 < radius.
Hypothesis Hb : 0 < ball.
Notation n := (ball_normalised radius ball).

Definition ball_field (l : nat) (y : nat -> R) : R := flow_field N a mu s b eps l (fun k => n (y k)).

(** Normalised tokens lie in one box, in which the bare flow's field has its constants. *)
Lemma ball_constants l : (l < L)%nat ->
  exists B K, 0 <= B /\ 0 <= K /\ forall y z d, 0 <= d -> near L d y z ->
    Rabs (ball_field l y) <= B /\ Rabs (ball_field l y - ball_field l z) <= K * d.
Proof.
  intros Hl. destruct (flow_field_lipschitz N a mu s b eps L radius (Rlt_le _ _ Hr) l Hl) as (B & K & HB & HK & HV).
  assert (Q : 0 <= radius / ball) by (left; now apply Rdiv_lt_0_compat).
  exists B, (K * (radius / ball)). split; [exact HB|]. split; [now apply Rmult_le_pos|]. intros y z d Hd Near.
  rewrite Rmult_assoc. apply HV; [| |now apply Rmult_le_pos|].
  - intros k _. now apply n_bounded.
  - intros k _. now apply n_bounded.
  - intros k Hk. eapply Rle_trans; [now apply ball_lipschitz|]. apply Rmult_le_compat_l; [exact Q|now apply Near].
Qed.

Lemma ball_field_lipschitz : locally_lipschitz L ball_field.
Proof.
  intros r _ l Hl. destruct (ball_constants l Hl) as (B & K & HB & HK & HV). exists B, K. repeat split; try assumption.
  - now apply (HV y z d).
  - now apply (HV y z d).
Qed.

(** A token moves at most linearly. *)
Lemma ball_moves (T : R) x l : solves ball_field L T x -> (l < L)%nat ->
  exists B, forall t, 0 <= t -> t < T -> Rabs (x l t) <= B.
Proof.
  intros Hs Hl. destruct (ball_constants l Hl) as (B & K & HB & _ & HV).
  assert (V : forall t, Rabs (ball_field l (fun k => x k t)) <= B).
  { intros t. apply (HV _ (fun k => x k t) 0 (Rle_refl 0)). intros k _. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra. }
  exists (Rabs (x l 0) + B * T). intros t Ht HT.
  pose proof (growth_on T _ _ (- B) 0 t (Hs l Hl) (Rle_refl 0) Ht HT) as Lo.
  pose proof (growth_le_on T _ _ B 0 t (Hs l Hl) (Rle_refl 0) Ht HT) as Hi.
  specialize (Lo ltac:(intros u _; specialize (V u); apply Rabs_le_between in V; lra)).
  specialize (Hi ltac:(intros u _; specialize (V u); apply Rabs_le_between in V; lra)).
  assert (B * t <= B * T) by (apply Rmult_le_compat_l; lra).
  replace (x l t) with (x l 0 + (x l t - x l 0)) by ring. eapply Rle_trans; [apply Rabs_triang|].
  apply Rplus_le_compat_l, Rabs_le. split; lra.
Qed.
End Field.

Theorem prenorm_ball_existence : prenorm_ball_existence_statement.
Proof.
  intros N a mu s b e0 radius ball L y0 [eps <-]%as_floor Hr Hb.
  pose proof (ball_field_lipschitz N a mu s b eps radius ball L Hr Hb) as HV.
  destruct (field_maximal_solution L _ y0 HV) as (T & x & Hmax & Sx).
  assert (E : T = p_infty).
  { apply (bounded_lives L _ T x HV Hmax). intros l Hl T0 ->.
    exact (ball_moves N a mu s b eps radius ball L Hr Hb T0 x l (proj1 (proj2 Hmax)) Hl). }
  subst T. exists x. split; [exact (proj1 (proj2 Hmax))|exact Sx].
Qed.
