(** The scan and the sum that it replaces.

    Proves linear-recursion and unrolled-attention for one channel; LayerAttention.v
    has the form for D channels. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Softplus Sums Statements.
Open Scope R_scope.

Lemma sum_between_empty j g : sum_between (S j) (S j) g = 0.
Proof. unfold sum_between. now rewrite Nat.sub_diag. Qed.

Lemma sum_between_ext i m g h : (forall k, g k = h k) -> sum_between i m g = sum_between i m h.
Proof. intros H. apply sum_below_ext. intros k _. apply H. Qed.

Lemma sum_between_step j l g : (j <= l)%nat ->
  sum_between (S j) (S (S l)) g = sum_between (S j) (S l) g + g (S l).
Proof.
  intros H. unfold sum_between. replace (S (S l) - S j)%nat with (S (S l - S j)) by lia.
  simpl sum_below. do 2 f_equal. lia.
Qed.

(** A linear recursion with factors exp(- a D_l) and inputs u_l, solved. *)
Lemma recursion_solved (a : R) (D u h : nat -> R) :
  h O = u O -> (forall k, h (S k) = exp (- a * D (S k)) * h k + u (S k)) ->
  forall l, h l = sum_below (S l) (fun j => u j * exp (- a * sum_between (S j) (S l) D)).
Proof.
  intros H0 HS l. induction l as [|l IH].
  - simpl. rewrite sum_between_empty, Rmult_0_r, exp_0, H0. ring.
  - rewrite HS, IH.
    change (sum_below (S (S l)) (fun j => u j * exp (- a * sum_between (S j) (S (S l)) D)))
      with (sum_below (S l) (fun j => u j * exp (- a * sum_between (S j) (S (S l)) D))
            + u (S l) * exp (- a * sum_between (S (S l)) (S (S l)) D)).
    rewrite sum_between_empty, Rmult_0_r, exp_0, Rmult_1_r. f_equal.
    rewrite <- sum_below_scal. apply sum_below_ext. intros j Hj.
    rewrite (sum_between_step j l D) by lia.
    rewrite Rmult_plus_distr_l, exp_plus. ring.
Qed.

Lemma hidden_solved a mu s b (eps : nonnegreal) x l n :
  hidden a mu s b eps x l n =
  sum_below (S l) (fun j => mu n * x j ^ 2 * Delta s b eps (x j)
    * exp (- a n * sum_between (S j) (S l) (fun k => Delta s b eps (x k)))).
Proof.
  apply (recursion_solved (a n) (fun k => Delta s b eps (x k))
    (fun j => mu n * x j ^ 2 * Delta s b eps (x j)) (fun k => hidden a mu s b eps x k n)).
  - reflexivity.
  - intros k. reflexivity.
Qed.

Theorem linear_recursion : linear_recursion_statement.
Proof.
  intros N a mu s b e0 x l [eps <-]%as_floor. unfold growth_rate. apply sum_below_ext. intros n _. apply hidden_solved.
Qed.

Theorem unrolled_attention_channel : unrolled_attention_channel_statement.
Proof.
  intros N a mu s b e0 x l [eps <-]%as_floor. unfold growth_rate, attention.
  rewrite (sum_below_ext N _ (fun n => sum_below (S l) (fun j => mu n * x j ^ 2 * Delta s b eps (x j)
    * exp (- a n * sum_between (S j) (S l) (fun k => Delta s b eps (x k)))))) by (intros; apply hidden_solved).
  rewrite (sum_below_swap N (S l)), <- sum_below_scal. apply sum_below_ext. intros j _.
  rewrite <- sum_below_scal, <- sum_below_scal. apply sum_below_ext. intros n _. ring.
Qed.
